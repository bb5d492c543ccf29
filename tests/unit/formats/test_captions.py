"""Caption files: what is a cue, whose words it holds, and what of a broken file is kept."""

import pytest

from evaluator.errors import TranscriptFault
from evaluator.formats import Record, detect, read


def record(text: str, name: str = "a.vtt", **options) -> Record:
    """The one interview of a caption file."""
    (only,) = read(text.encode(), name, **options)
    return only


def said(text: str, name: str = "a.vtt", **options) -> list[tuple[str, str]]:
    """(speaker, text) of each turn."""
    return [(turn.speaker, turn.text) for turn in record(text, name, **options).turns]


def cues(*payloads: str, header: str = "WEBVTT", gap_s: int = 0) -> str:
    """WebVTT with a cue of a second for each payload."""
    times = (f"00:{n * (1 + gap_s):02}.000 --> 00:{n * (1 + gap_s) + 1:02}.000" for n in range(len(payloads)))
    return "\n\n".join([header, *(f"{time}\n{payload}" for time, payload in zip(times, payloads, strict=True))])


def spans(*payloads: str, **options) -> list[tuple[str, str]]:
    """What is said in cues with voice spans, of which Anna's are the candidate's."""
    return said(cues(*payloads), candidate_speaker="Anna", **options)


def test_two_voices_in_a_cue_are_told_apart():
    """Each span's words are its own speaker's."""
    assert [("candidate", "Yes."), ("interviewer", "And then?")] == spans("<v Anna>Yes.\n<v Bob>And then?")


def test_words_behind_a_closed_span_are_nobodys():
    """Neither the span's speaker nor the next one said them, as far as the file tells."""
    assert [("candidate", "Yes."), ("other", "(noise)"), ("interviewer", "So?")] == spans(
        "<v Anna>Yes.</v> (noise)", "<v Bob>So?</v>"
    )


def test_span_inside_a_span_does_not_lend_its_words():
    """What follows an inner span may be either's, so it is nobody's."""
    assert [("candidate", "Yes."), ("interviewer", "hm"), ("other", "go on")] == spans(
        "<v Anna>Yes. <v Bob>hm</v> go on</v>"
    )


def test_broken_span_is_nobodys():
    """A span that is cut off names nobody, and its words stay."""
    assert [("interviewer", "So?"), ("candidate", "Yes."), ("other", "<v Bob what else")] == spans(
        "<v Bob>So?", "<v Anna>Yes. <v Bob what else"
    )


def test_span_may_have_classes_and_entities():
    """`<v.loud Anna &amp; Co>` is Anna & Co."""
    text = cues("<v.first.loud Anna &amp; Co>Hi", "<v Bob>So?")

    assert ("candidate", "Hi") == said(text, candidate_speaker="anna & co")[0]


def test_tags_are_no_words_and_entities_are():
    """Formatting goes, what was said stays: a < b, R&D, and an escaped tag."""
    text = '<i.x>un<b>expected</b></i> <c.red>a &lt; b</c> R&amp;D &lt;i&gt; <00:01.500>end {\\an8}<font size="1">x'

    assert [("candidate", "unexpected a < b R&D <i> end x")] == spans(f"<v Anna>{text}")


def test_unknown_tags_are_words():
    """What is no tag of captions may be what somebody typed."""
    assert [("candidate", "List<int> a <bc> 1 < 2")] == spans("<v Anna>List<int> a <bc> 1 < 2")


def test_notes_styles_regions_and_ids_are_no_speech():
    """All of them are left out and counted."""
    text = (
        "\ufeffWEBVTT - a talk\nKind: captions\nLanguage: en-GB\n\nSTYLE\n::cue(v) { color: red }\n\nREGION\nid:r\n\n"
        "NOTE Anna: not said\nmore\n\nfirst-id\n00:00.000 --> 00:01.000 align:start position:0%\n<v Anna>Hi.\n\n"
        "NOTE\n\n2\n00:01.000 --> 00:02.000\n<v Anna>There."
    )
    only = record(text, candidate_speaker="Anna")

    assert ["Hi. There."] == [turn.text for turn in only.turns]
    assert 4 == only.ignored
    assert "en-GB" == only.language


def test_noted_confidence_is_carried():
    """Microsoft Stream notes the confidence above each cue; a turn's is the mean by words."""
    text = (
        "WEBVTT\n\nNOTE language:en-us\n\nNOTE Confidence: 0.9\n\na1b2-c3\n00:00.000 --> 00:01.000\n<v Anna>One two\n\n"
        "NOTE Confidence: 0.5\n\n00:01.000 --> 00:02.000\n<v Anna>three four.\n\n00:02.000 --> 00:03.000\n<v Bob>So?"
    )
    only = record(text, candidate_speaker="Anna")

    assert [0.7, None] == [turn.confidence for turn in only.turns]
    assert "en-us" == only.language


def test_turns_end_where_the_voice_changes_or_pauses():
    """Cues of one voice are one turn, with the first's beginning and the last's end; a long pause ends it."""
    text = cues("<v Anna>One", "<v Anna>two.", "<v Bob>So?")
    close = [
        (turn.started_s, turn.ended_s, turn.time_estimated) for turn in record(text, candidate_speaker="Anna").turns
    ]
    apart = said(cues("<v Anna>One", "<v Anna>two.", gap_s=6), candidate_speaker="Anna")

    assert [(0.0, 2.0, False), (2.0, 3.0, False)] == close
    assert [("candidate", "One"), ("candidate", "two.")] == apart


def test_long_speeches_are_cut_at_sentences():
    """After a minute a turn ends with its sentence, so that times inside of it stay near the truth."""
    payloads = [f"<v Anna>word {n}{'.' if n % 7 == 0 else ''}" for n in range(59)]
    text = cues(*payloads).replace(".000 -->", ".000 -->", 1)
    long = "WEBVTT\n\n" + "\n\n".join(
        f"00:{n // 20:02}:{n * 3 % 60:02}.000 --> 00:{n // 20:02}:{n * 3 % 60 + 2:02}.900\n{p}"
        for n, p in enumerate(payloads)
    )

    assert 1 == len(record(text, candidate_speaker="Anna").turns)
    assert all(turn.text.endswith(".") for turn in record(long, candidate_speaker="Anna").turns[:-1])
    assert 3 == len(record(long, candidate_speaker="Anna").turns)


def test_webex_ids_name_the_speaker():
    """`1 "Anna" (4711)` above the times is a name."""
    text = 'WEBVTT\n\n1 "Bob" (1)\n00:00.000 --> 00:01.000\nWhy: so?\n\n2 "Anna" (2)\n00:01.000 --> 00:02.000\nHm.'

    assert [("interviewer", "Why: so?"), ("candidate", "Hm.")] == said(text, candidate_speaker="Anna")


def test_zoom_names_stand_before_the_words():
    """Each cue names its speaker; a colon in what is said changes nothing."""
    text = cues("Bob B. (he/him): So: why?", "anna-marie 2: It: was slow.", "Bob B. (he/him): OK.")

    assert [("interviewer", "So: why?"), ("candidate", "It: was slow."), ("interviewer", "OK.")] == said(
        text, "x.transcript.vtt", candidate_speaker="Anna-Marie 2"
    )


def test_cue_without_a_name_among_named_ones_is_nobodys():
    """Where cues are named, one without a name may be anybody's."""
    text = cues("Bob: Why?", "Anna: It was.", "Really now?", "Anna: Yes.", "Bob: OK.")

    assert ("other", "Really now?") == said(text, candidate_speaker="Anna")[2]


def test_name_holds_where_only_changes_are_named():
    """In captions that name the speaker at each change, cues below belong to the name."""
    text = cues("Bob: Why?", "Tell me.", "Anna: It was", "very slow.", "Bob: OK.", "Bye.")

    assert [("interviewer", "Why? Tell me."), ("candidate", "It was very slow."), ("interviewer", "OK. Bye.")] == said(
        text, candidate_speaker="Anna"
    )


def test_second_name_in_a_cue_is_another_voice():
    """Also one that never opens a cue, in small letters; and one that comes once is nobody's."""
    text = cues("anna: One.\nbob: Two?", "anna: Three.\nbob: Four?", "anna: Five.\nCarl: Six?")

    assert ["candidate", "other", "candidate", "other", "candidate", "other"] == [
        speaker for speaker, _ in said(text, candidate_speaker="anna")
    ]


def test_name_within_a_line_is_another_voice_behind_a_sentence():
    """Behind the end of a sentence it speaks; within one it may be cited, so what follows is nobody's."""
    text = cues("Anna: Yes. Bob: And then?", "Anna: So I told Bob: no way.", "Anna: Good: fine.", "Bob: OK.")

    assert [
        ("candidate", "Yes."),
        ("interviewer", "And then?"),
        ("candidate", "So I told"),
        ("other", "Bob: no way."),
        ("candidate", "Good: fine."),
        ("interviewer", "OK."),
    ] == said(text, candidate_speaker="Anna")


def test_captions_without_voices_are_refused():
    """Who speaks is not in the file: nothing is guessed, and the way out is told, for Zoom by its own name."""
    text = cues("So, here it is.", "- Yes.\n- No.", "Note: it ends.")
    for name, says in (("a.vtt", "voice spans"), ("GMT20240124-202901_Recording.cc.vtt", "audio transcript (.trans")):
        with pytest.raises(TranscriptFault, match="who speaks is not in the file") as raised:
            record(text, name, candidate_speaker="Anna")

        assert says in str(raised.value)


def test_rolling_captions_are_read_once():
    """Captions that repeat the line above the new one say each line once, to its own speaker."""
    text = cues(
        "Bob: Why was it slow",
        "Bob: Why was it slow\nin the end?",
        "in the end?\nAnna: It was the disk",
        "Anna: It was the disk\nand the network",
        "and the network",
        "and the network\nand me.",
    )

    assert [
        ("interviewer", "Why was it slow in the end?"),
        ("candidate", "It was the disk and the network and me."),
    ] == said(text, candidate_speaker="Anna")


def test_words_said_twice_are_kept_where_captions_do_not_roll():
    """Yes and yes again are two words."""
    assert [("candidate", "Yes. Yes. Yes.")] == spans("<v Anna>Yes.", "<v Anna>Yes.", "<v Anna>Yes.")


def test_unreadable_times_lose_times_and_no_words():
    """A cue with broken times keeps its words; so do words outside of any cue, which are nobody's."""
    text = (
        "WEBVTT\n\n00:01.000 --> 00:0x.000\nAnna: One\n\nlost\nwords\n\n00:09.000 --> 00:07.000\nAnna: two.\n"
        "00:10.000 --> 00:11.000\nBob: So?"
    )
    turns = record(text, candidate_speaker="Anna").turns

    assert ["One", "lost words", "two.", "So?"] == [turn.text for turn in turns]
    assert ["candidate", "other", "candidate", "interviewer"] == [turn.speaker for turn in turns]
    assert [(None, None), (None, None), (9.0, 11.0 - 1.0), (10.0, 11.0)] == [(t.started_s, t.ended_s) for t in turns]


def test_srt_may_lack_blank_lines_and_mix_marks():
    """A number and times open a cue also without a blank line above; a number that was said stays."""
    text = "1\n00:00:01,000 --> 00:00:02.000\nAnna: I had\n7\n2\n00:00:02,000 --> 00:00:03,000\nAnna: disks."

    assert [("candidate", "I had 7 disks.")] == said(text, "a.srt", candidate_speaker="Anna")


def test_teams_writes_milliseconds_without_zeros():
    """0:0:6.90 is 6.09 s: the same file has 6.500 after it."""
    text = "0:0:6.90 --> 0:0:6.500\nAnna\nHello.\n-0:0:1.5 --> 0:0:7.5\nBob\nHi.\nThere.\n0:1:2.3 --> 0:1:3.0\nAnna\n"
    turns = record(text, "a.txt", candidate_speaker="Anna").turns

    assert [("candidate", "Hello.", 6.09), ("interviewer", "Hi. There.", None)] == [
        (turn.speaker, turn.text, turn.started_s) for turn in turns
    ]


@pytest.mark.parametrize(
    ("text", "name", "format_id", "why"),
    [
        ("WEBVTT\n\n00:01.000 --> 00:02.000\n<v A>x", "x", "webvtt", "WebVTT with voice spans"),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nx", "x", "webvtt", "WebVTT by its first line"),
        ("WEBVTT\n\n0:0:1.0 --> 0:0:2.0\n<v A>x</v>", "x", "teams", "times without leading zeros"),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nA: x", "GMT20240124-202901_Recording.vtt", "zoom", "a name that Zoom"),
        ("0:0:1.0 --> 0:0:2.0\nAnna\nHi.", "x.txt", "teams-text", "above a speaker's name"),
        ("1\n00:00:01,000 --> 00:00:02,000\nA: x", "x", "srt", "SRT"),
        ("0:00:01.000,0:00:02.000\nA: x", "x", "sbv", "SBV"),
    ],
)
def test_captions_are_told_by_what_is_in_them(text, name, format_id, why):
    """The kind of captions and what showed it are named."""
    detected = detect(text.encode(), name)

    assert format_id == detected.format_id
    assert why in detected.why


def test_malformed_real_files_lose_no_word(shared_data):
    """In each malformed file that has cues at all, named as SRT and VTT name people, every caption is read."""
    for path in sorted((shared_data / "edge" / "empty_and_malformed").iterdir()):
        text = path.read_text(encoding="utf-8-sig").replace("Caption text", "Anna: Caption text")
        if "Anna" not in text:
            continue
        kept = record(text, path.name, candidate_speaker="Anna")

        assert text.count("Caption") == sum(turn.text.count("Caption") for turn in kept.turns), path.name
        assert {"candidate"} == {turn.speaker for turn in kept.turns}, path.name


def test_real_zoom_transcript_is_read_whole(shared_data):
    """All words of a real Zoom transcript, each to the one whom its caption names; one caption names nobody."""
    path = shared_data / "formats/zoom/GMT20240124-202901_Recording.transcript.vtt"
    (only,) = read(path.read_bytes(), path.name, candidate_speaker="Conor Healy")
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if ": " in line and "-->" not in line]
    his = [word for line in lines if line.startswith("Conor Healy: ") for word in line.split()[2:]]

    assert his == [word for turn in only.turns if turn.speaker == "candidate" for word in turn.text.split()]
    named = sum(len(line.partition(": ")[2].split()) for line in lines)
    assert named + len(["Hmm."]) == sum(len(turn.text.split()) for turn in only.turns)
    assert "Hmm." in [turn.text for turn in only.turns if turn.speaker == "other"]
