"""Simulated interviews: reproducible, true to the abilities they were made from, and handed over like real ones."""

import re
from datetime import UTC, datetime
from difflib import SequenceMatcher
from random import Random

import pytest

from evaluator import layout
from evaluator.errors import UsageFault
from evaluator.manifest import parse_manifest
from evaluator.transcript import Transcript, parse_transcript, segmented
from live_agent.simulate import draw_abilities, simulate, simulate_into
from live_agent.simulate.bank import bank, section_bank, stock
from live_agent.simulate.candidate import misheard
from live_agent.simulate.first_person import in_first_person
from live_agent.simulate.interview import evidence_of
from tests.fakes import MemoryStore

COUNT = 8
COPIED_WORDS_MAX = 5  # a phrasing that says more of its anchor word for word would teach a judge to match strings


def words(text):
    """Its words, lower case."""
    return re.findall(r"[a-z']+", text.lower())


def said_by_candidate(interview, section_id):
    """The candidate's words in one section."""
    return [t.text for t in interview.turns if t.speaker == "candidate" and t.section_id == section_id]


def cohort(rubric, store=None, *, seed=1, count=COUNT, **more):
    """A set of interviews in a store."""
    store = MemoryStore() if store is None else store
    made = simulate_into(store, rubric, count=count, seed=seed, requisition="REQ-1", prefix="sim", **more)
    return store, list(made)


def test_the_same_seed_gives_the_same_bytes(shipped):
    """A demonstration can be repeated anywhere."""
    first, _ = cohort(shipped)
    second, _ = cohort(shipped)

    assert first.objects == second.objects


def test_another_seed_gives_other_words(shipped):
    """No two demonstrations are alike."""
    first, second = (simulate(shipped, seed=seed, interview_id="sim-1") for seed in (1, 2))

    assert [t.text for t in first.turns] != [t.text for t in second.turns]


def test_every_truth_stands_on_the_candidates_words(shipped):
    """Whatever has a level was said in its section."""
    _, made = cohort(shipped)

    silent = [
        (interview.interview_id, criterion.id)
        for interview in made
        for section in shipped.sections
        for criterion in section.criteria
        if interview.truth[criterion.id] is not None and not said_by_candidate(interview, section.id)
    ]
    assert silent == []


def test_truth_and_what_is_unscored_cover_all_criteria(shipped):
    """Each criterion has a level or the reason why not."""
    _, made = cohort(shipped)

    for interview in made:
        levels = {c for c, level in interview.truth.items() if level is not None}
        assert {c.id for c in shipped.criteria} == levels ^ set(interview.unscored)
        assert set(interview.phrasings) == levels


def test_truth_is_what_was_asked_for(banked):
    """With time enough every given ability is expressed as it is."""
    abilities = draw_abilities(banked, seed="any")

    assert abilities == dict(simulate(banked, seed=3, interview_id="sim-1", abilities=abilities).truth)


def test_a_criterion_without_ability_is_not_answered(banked):
    """Its question is asked, and the candidate passes."""
    last = banked.sections[-1].criteria[-1].id
    abilities = {**draw_abilities(banked, seed="any"), last: None}

    interview = simulate(banked, seed=3, interview_id="sim-1", abilities=abilities)

    assert {last: "not_answered"} == interview.unscored


def test_silence_is_no_turn(banked):
    """Somebody who never answers leaves only the consent, or words of refusal."""
    interview = simulate(banked, seed=5, interview_id="sim-1", abilities={})

    assert all(t.text for t in interview.turns)
    assert set(said_by_candidate(interview, banked.sections[0].id)) <= set(stock().declined)
    assert {"not_answered"} == set(interview.unscored.values())


def test_a_short_interview_leaves_the_last_section_unasked(banked):
    """Its criteria are not asked, and nobody says a word of it."""
    _, made = cohort(banked)
    last = banked.sections[-1]

    late = [i for i in made if i.unscored.get(last.criteria[0].id) == "not_asked"]

    assert 1 <= len(late) < len(made)
    assert all({c.id for c in last.criteria} == {c for c, w in i.unscored.items() if w == "not_asked"} for i in late)
    assert all(t.section_id != last.id for i in late for t in i.turns)


def test_an_answer_that_time_cut_short_has_no_truth(banked):
    """At whichever second the interview has to end, each level was said in full."""
    for budget_s in range(60, 420, 15):
        interview = simulate(banked, seed=2, interview_id="sim-1", time_budget_s=budget_s)

        assert all((interview.truth[c.id] is None) == (c.id in interview.unscored) for c in banked.criteria)


def test_times_run_on_without_overlap(shipped):
    """As in a conversation where nobody interrupts."""
    turns = simulate(shipped, seed=1, interview_id="sim-1").turns

    edges = [edge for t in turns for edge in (t.started_s, t.ended_s)]
    assert sorted(edges) == edges


def test_everybody_talks_at_a_human_pace(shipped):
    """Between 100 and 200 words a minute over a longer turn."""
    _, made = cohort(shipped)

    paces = [
        len(t.text.split()) / (t.ended_s - t.started_s) * 60 for i in made for t in i.turns if len(t.text.split()) > 20
    ]
    assert all(100 < pace < 200 for pace in paces)


def test_the_interviewer_gives_no_anchor_away(shipped):
    """Nobody is told what earns a level."""
    _, made = cohort(shipped)
    spoken = " ".join(t.text for i in made for t in i.turns if t.speaker == "interviewer").lower()

    assert [] == [a for c in shipped.criteria for a in c.anchors.values() if a.rstrip(".").lower() in spoken]


def test_a_bank_covers_every_criterion_and_level_of_its_rubric(banked):
    """At least three stories each, and stories run through all levels."""
    for section in banked.sections:
        found = section_bank(banked, section)
        for criterion in section.criteria:
            stories = [{p.story for p in found.of(criterion.id, level)} for level in range(1, 6)]

            assert len(stories[0]) >= 3, criterion.id
            assert [stories[0]] * 5 == stories, criterion.id


def test_a_bank_speaks_of_no_criterion_that_its_rubric_lacks(banked):
    """A renamed criterion would silently fall back to the generic phrasings."""
    expected = {section.id: {c.id for c in section.criteria} for section in banked.sections}

    assert expected == {name: set(section.criteria) for name, section in bank(banked.id).sections.items()}


def test_phrasings_do_not_recite_their_anchors(banked):
    """Levels are shown by what is told, in the speaker's own words."""
    recited = []
    for section in banked.sections:
        for phrasing in section_bank(banked, section).phrasings:
            criterion = next(c for c in section.criteria if c.id == phrasing.criterion_id)
            anchor, said = words(criterion.anchors[phrasing.level]), words(" ".join(phrasing.beats))
            match = SequenceMatcher(None, anchor, said, autojunk=False).find_longest_match()
            if match.size > COPIED_WORDS_MAX:
                recited.append((phrasing.id, anchor[match.a : match.a + match.size]))

    assert recited == []


def test_no_slot_or_choice_is_left_open(shipped):
    """No braces, brackets or beat marks reach the transcript."""
    _, made = cohort(shipped, count=30)

    assert [] == [t.text for i in made for t in i.turns if re.search(r"[{}\[\]|]|//|\s\s|,\.|\. [a-z]", t.text)]


def test_phrasing_ids_are_unique_and_tell_where_they_belong(shipped):
    """What a split of training and test data goes by."""
    phrasings = [p for s in shipped.sections for p in section_bank(shipped, s).phrasings]

    assert len({p.id for p in phrasings}) == len(phrasings)
    assert all(p.id.startswith(f"{shipped.id}/{p.criterion_id}/{p.level}/") for p in phrasings)


def test_a_filter_keeps_other_phrasings_out(banked):
    """Only stories of the training side are told."""
    interview = simulate(banked, seed=1, interview_id="sim-1", allowed=lambda name: name[-1] in "ab")

    assert {"a", "b"} >= {name[-1] for name in interview.phrasings.values()}


def test_a_filter_that_leaves_nothing_names_the_criterion(banked):
    """Rather than an interview with a hole in it."""
    first = banked.criteria[0].id

    with pytest.raises(UsageFault, match=first):
        simulate(banked, seed=1, interview_id="sim-1", allowed=lambda name: f"/{first}/" not in name)


@pytest.mark.parametrize("abilities", [{"nonsense": 3}, {"first-1": 6}])
def test_abilities_that_fit_no_criterion_or_level_are_refused(rubric, abilities):
    """With the name of what is wrong."""
    with pytest.raises(UsageFault, match=next(iter(abilities))):
        simulate(rubric, seed=1, interview_id="sim-1", abilities=abilities)


def test_a_rubric_without_a_bank_is_answered_from_its_anchors(rubric):
    """In the first person."""
    interview = simulate(rubric, seed=2, interview_id="sim-1", abilities={"first-1": 4})

    assert "I show first-1 in 4 of five ways" in " ".join(said_by_candidate(interview, "first"))


@pytest.mark.parametrize(
    ("anchor", "said"),
    [
        ("Names a risk, but gives no reason.", "I name a risk, but give no reason"),
        ("Identifies the cause and checks it.", "I identify the cause and check it"),
        ("Has a plan; carries it out.", "I have a plan. I carry it out"),
        ("Names a task of the person's own work.", "I name a task of my own work"),
        ("Says what the person changes before use.", "I say what I change before use"),
        ("Less than a plan.", "Less than a plan"),
    ],
)
def test_an_anchor_is_turned_into_the_first_person(anchor, said):
    """Verbs of the candidate change, nouns stay."""
    assert said == in_first_person(anchor)


def test_candidates_of_one_set_differ_in_ability(banked):
    """So that their scorecards differ: the means lie more than a level apart."""
    _, made = cohort(banked, count=6)

    means = [sum(levels) / len(levels) for i in made if (levels := [v for v in i.truth.values() if v is not None])]
    assert max(means) - min(means) > 1


def test_no_two_candidates_of_a_small_set_tell_the_same_tale(banked):
    """Somebody who reads six interviews in a row meets a phrasing twice only here and there."""
    for seed in range(5):
        _, made = cohort(banked, count=6, seed=seed)
        used = [p for i in made for p in i.phrasings.values()]

        assert len(set(used)) >= 0.85 * len(used)


def test_how_somebody_talks_does_not_tell_how_able_they_are(banked):
    """Style comes from the seed alone, so a judge cannot learn levels from fillers."""
    low, high = (
        simulate(banked, seed=1, interview_id="sim-1", abilities={c.id: level for c in banked.criteria})
        for level in (1, 5)
    )

    paces = [
        sum(len(t.text.split()) for t in spoken) / sum(t.ended_s - t.started_s for t in spoken)
        for i in (low, high)
        if (spoken := [t for t in i.turns if t.speaker == "candidate"])
    ]
    assert paces[0] == pytest.approx(paces[1], rel=0.06)


def test_simulated_interviews_reach_the_inbox_like_real_ones(banked):
    """One manifest each, with consent, no name, no recording, and a transcript that parses."""
    store, made = cohort(banked)

    assert [layout.manifest_key(i.interview_id) for i in made] == store.names(layout.INBOX)
    for number, interview in enumerate(made, 1):
        manifest = parse_manifest(store.get(layout.manifest_key(interview.interview_id)))
        transcript = parse_transcript(store.get(manifest.transcript.key))
        assert Transcript(source="debrief-agent", turns=segmented(interview.turns)) == transcript
        assert (f"C-{number:04d}", None) == (manifest.candidate.ref, manifest.candidate.name)
        assert (manifest.consent.status, manifest.consent.text_version) == ("granted", "consent-1")
        assert manifest.recording.status == "none"


def test_a_set_that_was_cut_off_can_be_simulated_again(rubric):
    """What is there already is left as it is."""
    store = MemoryStore()
    made = simulate_into(store, rubric, count=3, seed=1, requisition="REQ-1", prefix="sim")
    next(made)

    cohort(rubric, store, count=3)

    assert cohort(rubric, count=3)[0].objects == store.objects


def test_candidates_are_numbered_from_where_one_says(rubric):
    """So that two roles do not share candidates."""
    store, _ = cohort(rubric, count=1, first_candidate=7)

    assert parse_manifest(store.get(layout.manifest_key("sim-0001"))).candidate.ref == "C-0007"


def test_interviews_start_when_they_are_said_to(rubric):
    """One after another, nine a day."""
    base = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)

    _, made = cohort(rubric, count=10, base=base)

    assert (base, datetime(2026, 3, 2, 9, 20, tzinfo=UTC), datetime(2026, 3, 3, 8, 30, tzinfo=UTC)) == (
        made[0].started_at,
        made[1].started_at,
        made[9].started_at,
    )


def test_evidence_is_what_expresses_the_criterion(shipped):
    """Each criterion with a level has utterances of its own, and none of a criterion without one."""
    interview = simulate(shipped, seed=3, interview_id="sim-1")
    turns = segmented(interview.turns)

    cited = {c.id: bool(evidence_of(interview, turns, c.id)) for c in shipped.criteria}

    assert {c: level is not None for c, level in interview.truth.items()} == cited


def test_what_is_beside_the_point_is_no_evidence(shipped):
    """Stretches cover the phrasing's words and no opening, joint, digression or end."""
    interview = simulate(shipped, seed=3, interview_id="sim-1")
    text = {turn.id: turn.text for turn in interview.turns}

    said = [text[s.turn_id][s.start : s.end] for stretches in interview.matter.values() for s in stretches]

    beside = (*stock().starts, *stock().ends, *stock().digressions, *stock().joins)
    assert not [part for part in said if part in beside]


def test_misheard_words_are_replaced_one_by_one():
    """As speech recognition does: as many words as before, capitals kept."""
    heard = misheard("Their queue, and two more.", {"their": "there", "queue": "cue"}, share=1.0, random=Random(1))

    assert "There cue, and two more." == heard


def test_nothing_is_misheard_at_a_share_of_none():
    """The words of the bank as they are."""
    assert "Their queue." == misheard("Their queue.", {"their": "there"}, share=0.0, random=Random(1))


def test_an_instructing_candidate_speaks_to_the_judge_and_says_nothing_by_it(banked):
    """The line stands in an answer, and belongs to no criterion."""
    interview = simulate(banked, seed=3, interview_id="sim-1", instructing=True)
    said = {turn.id: turn.text for turn in interview.turns if turn.speaker == "candidate"}
    places = [
        (turn, text.index(line), text.index(line) + len(line))
        for turn, text in said.items()
        for line in stock().instructions
        if line in text
    ]

    assert places
    assert not [
        (place, stretch)
        for place in places
        for stretches in interview.matter.values()
        for stretch in stretches
        if stretch.turn_id == place[0] and stretch.start < place[2] and place[1] < stretch.end
    ]
