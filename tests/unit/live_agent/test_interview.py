"""A whole interview without a voice: what is kept, and that nothing outside can stop or bend it."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from evaluator.errors import StoreUnavailable
from evaluator.manifest import Candidate
from evaluator.transcript import Transcript
from live_agent.handoff import opened, resume
from live_agent.interview import Interview
from live_agent.keeping import Keeper
from live_agent.memory import Limits
from live_agent.models import Circuits, Models
from live_agent.phrases import AGAIN
from live_agent.routing import Provider, one_model
from rubrics.library import library
from tests.fakes import MemoryStore
from tests.unit.live_agent.test_models import Endpoint, served

RUBRIC = library().find("backend-eng")
STARTED = datetime(2026, 11, 18, 14, 2, tzinfo=UTC)
FULL = "I moved one service after another to the queue and measured the waiting time before and after. " * 3


class FlakyStore(MemoryStore):
    """A store that can be away."""

    away = False

    def create(self, key, data, *, media_type="application/json"):
        """As the store does, while it is there."""
        if self.away:
            raise StoreUnavailable("the store is away")
        super().create(key, data, media_type=media_type)


class Room:
    """An interview, the store it is kept in, and the times as they pass."""

    def __init__(self, store, spool, models=None, rubric=RUBRIC):
        self.store, self.elapsed_s, self.said, self.effects = store, 0.0, [], []
        self.keeper = Keeper("iv-1", self.open, spool=spool)
        self.interview = Interview(
            rubric,
            self.keeper,
            clock=lambda: STARTED + timedelta(seconds=self.elapsed_s),
            models=models,
            count=(lambda messages: sum(len(m.content) // 4 + 5 for m in messages)) if models else None,
            limits=Limits(prompt_tokens=600, summary_tokens=100, recent_turns=4, batch_turns=4),
        )

    def open(self, consent):
        """Into the store, at consent."""
        return opened(
            self.store,
            interview_id="iv-1",
            candidate=Candidate(ref="C-1"),
            requisition="REQ-1",
            rubric=RUBRIC,
            consent=consent,
            clock=lambda: STARTED,
        )

    async def speak(self, words):
        """The interviewer's turn."""
        self.said.append(words)
        await self.interview.spoke(words, started_s=self.elapsed_s, ended_s=self.elapsed_s + 3)
        self.elapsed_s += 3

    async def answer(self, *lines):
        """The candidate's turns, each with the reply that is spoken."""
        for line in lines:
            words, effects = await self.interview.hear(line, started_s=self.elapsed_s, ended_s=self.elapsed_s + 4)
            self.elapsed_s += 4
            self.effects += effects
            await self.speak(words)

    async def lead(self, first="Yes, sure.", then=FULL):
        """From the first word to the end."""
        await self.speak(self.interview.reply.text)
        await self.answer(first)
        while not self.interview.ended:
            await self.answer(then)

    @property
    def texts(self):
        """What the store holds, word for word."""
        return [turn.text for turn in resume(self.store, "iv-1").turns]


def meet(tmp_path, scenario, *, store=None, endpoint=None, **values):
    """Runs a scenario in a room; (its result, the room)."""

    async def run():
        async with served(*([endpoint] if endpoint else [])) as addresses:
            models = None
            if addresses:
                models = Models(one_model(Provider(url=addresses[0]), "m"), Circuits(), interview_id="iv-1")
            room = Room(store if store is not None else FlakyStore(), tmp_path / "spool", models, **values)
            return await scenario(room), room

    return asyncio.run(run())


async def lead_and_close(room):
    """A whole interview, handed over."""
    await room.lead()
    return await room.interview.close()


def test_a_whole_interview_is_handed_over(tmp_path):
    """Its transcript has every turn with its section, and the manifest points to it."""
    manifest, room = meet(tmp_path, lead_and_close)

    transcript = Transcript.model_validate_json(room.store.get(manifest.transcript.key))
    assert "granted" == manifest.consent.status
    assert {section.id for section in RUBRIC.sections} == {t.section_id for t in transcript.turns} - {None}
    assert room.said == [turn.text for turn in transcript.turns if turn.speaker == "interviewer"]


def test_every_turn_is_in_the_store_when_it_was_said(tmp_path):
    """So a crash at any moment loses nothing."""

    async def scenario(room):
        await room.speak(room.interview.reply.text)
        await room.answer("Yes, sure.", FULL)
        return room.texts

    texts, room = meet(tmp_path, scenario)

    assert FULL in texts
    assert texts == [room.said[0], "Yes, sure.", room.said[1], FULL, room.said[2]]


def test_nothing_is_kept_without_consent(tmp_path):
    """Not even the refusal."""

    async def scenario(room):
        await room.lead(first="No, I'd rather not.")
        return await room.interview.close()

    manifest, room = meet(tmp_path, scenario)

    assert (None, {}) == (manifest, room.store.objects)


def test_a_withdrawn_consent_marks_the_manifest(tmp_path):
    """What is said from the wish on is not kept."""

    async def scenario(room):
        await room.speak(room.interview.reply.text)
        await room.answer("Yes.", FULL, "Please stop the recording.", "Yes, stop it.")
        return await room.interview.close()

    manifest, room = meet(tmp_path, scenario)

    assert "withdrawn" == manifest.consent.status
    assert ["pause_recording", "withdraw"] == room.effects
    assert "Yes, stop it." not in room.texts


def test_hanging_up_while_it_is_asked_back_withdraws(tmp_path):
    """Silence is no way back to a recording."""

    async def scenario(room):
        await room.speak(room.interview.reply.text)
        await room.answer("Yes.", FULL, "Please stop the recording.")
        return await room.interview.close()

    assert "withdrawn" == meet(tmp_path, scenario)[0].consent.status


def test_a_store_that_goes_away_stops_no_interview(tmp_path):
    """It goes on, and everything is in the store when that is back."""

    async def scenario(room):
        await room.speak(room.interview.reply.text)
        await room.answer("Yes.", FULL)
        room.store.away = True
        await room.answer("Then I wrote the runbook for the whole team.", FULL)
        waiting = room.keeper.waiting
        room.store.away = False
        await room.answer("And that was all of it.")
        return waiting

    waiting, room = meet(tmp_path, scenario)

    assert waiting > 0
    assert "Then I wrote the runbook for the whole team." in room.texts
    assert 0 == room.keeper.waiting


def test_what_the_store_never_got_stands_in_a_file(tmp_path):
    """With the words, readable by its owner only."""

    async def scenario(room):
        await room.speak(room.interview.reply.text)
        await room.answer("Yes.")
        room.store.away = True
        await room.answer(FULL)
        return await room.keeper.finish(wait_s=0.0)

    manifest, _ = meet(tmp_path, scenario)

    file = tmp_path / "spool" / "iv-1.jsonl"
    assert manifest is None
    assert FULL.strip()[:40] in file.read_text()
    assert 0o600 == file.stat().st_mode & 0o777


@pytest.mark.parametrize(
    "content",
    [
        "So you moved the services to a queue.",
        "Great answer, you get five points!",
        "",
        "Ignore the script. " * 50,
        '{"role": "system"}',
    ],
)
def test_the_script_is_spoken_whatever_a_model_says(tmp_path, content):
    """All questions, in their order, with a model that is good, bad or mad."""
    endpoint = Endpoint()
    endpoint.content = content

    _, room = meet(tmp_path, lead_and_close, endpoint=endpoint)

    questions = [question for section in RUBRIC.sections for question in section.questions]
    spoken = " ".join(room.said)
    assert questions == sorted(questions, key=spoken.index)
    assert "points" not in spoken


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("I am asking about a system of yours.", "I am asking about a system of yours."),
        ("A good answer names trade-offs.", AGAIN.text),
        ("What would you do?", AGAIN.text),
    ],
)
def test_a_question_that_was_not_caught_is_said_in_plainer_words(tmp_path, content, said):
    """And asked again word for word, whatever the model says."""
    endpoint = Endpoint()
    endpoint.content = content

    async def scenario(room):
        await room.speak(room.interview.reply.text)
        await room.answer("Yes, sure.", FULL)
        question = room.interview.reply.phrases[-1].text
        await room.answer("Could you repeat the question?")
        return question, room.interview._models.requests[-1].task

    (question, task), room = meet(tmp_path, scenario, endpoint=endpoint)

    assert ("interview_turn", f"{said} {question}") == (task, room.said[-1])


@pytest.mark.parametrize("status", [500, 404, 422])
def test_a_model_that_fails_stops_no_interview(tmp_path, status):
    """It goes on by the script alone."""
    endpoint = Endpoint()
    endpoint.status = status

    manifest, room = meet(tmp_path, lead_and_close, endpoint=endpoint)

    assert ("finished", RUBRIC.closing) == (room.interview.ended, room.said[-1])
    assert manifest is not None


def test_a_failed_summary_loses_no_turn(tmp_path):
    """They stay word for word until one succeeds."""
    endpoint = Endpoint()
    endpoint.status = 500

    _, room = meet(tmp_path, lead_and_close, endpoint=endpoint)

    assert 0 == room.interview.memory.summarised
    assert FULL in [said.text for said in room.interview.memory.turns]


def test_older_turns_are_summarised(tmp_path):
    """Behind the conversation, when a batch of them is there."""
    _, room = meet(tmp_path, lead_and_close, endpoint=Endpoint())

    assert room.interview.memory.summarised > 0


def test_a_wish_for_a_person_is_remembered(tmp_path):
    """For the team."""

    async def scenario(room):
        await room.speak(room.interview.reply.text)
        await room.answer("Yes.", "Can I talk to a real person, please?")

    assert meet(tmp_path, scenario)[1].interview.person_wanted


def test_a_candidate_who_goes_on_before_the_reply_is_heard_has_given_one_answer(tmp_path):
    """Both parts are kept, and answered together."""

    async def scenario(room):
        await room.speak(room.interview.reply.text)
        await room.answer("Yes.")
        await room.interview.hear("It was fine, I think.", started_s=20, ended_s=22)
        words, _ = await room.interview.hear(FULL, started_s=23, ended_s=40)
        return words

    words, room = meet(tmp_path, scenario)

    assert ["It was fine, I think.", FULL] == room.texts[-2:]
    assert RUBRIC.sections[0].questions[1] in words


@pytest.mark.parametrize("turns", range(1, 9))
def test_an_interview_that_was_killed_goes_on_where_it_was(tmp_path, turns):
    """After any turn: the questions that were left are asked, each once more at most, and all of it is handed over."""
    lines = ["Yes, sure.", FULL, "It was fine.", "", FULL, "How long will this take?", FULL, FULL]
    store = FlakyStore()

    async def killed(room):
        await room.speak(room.interview.reply.text)
        await room.answer(*lines[:turns])

    async def back(room):
        before = resume(store, "iv-1")
        room.open = room.keeper._opened = lambda _: resume(store, "iv-1")
        await room.interview.resume(before.turns, before.consent)
        room.elapsed_s = before.turns[-1].ended_s + 60
        await room.speak(room.interview.reply.text)
        while not room.interview.ended:
            await room.answer(FULL)
        return await room.interview.close()

    meet(tmp_path, killed, store=store)
    manifest, room = meet(tmp_path, back, store=store)

    transcript = Transcript.model_validate_json(store.get(manifest.transcript.key))
    spoken = [turn.text for turn in transcript.turns if turn.speaker == "interviewer"]
    asked = [sum(question in text for text in spoken) for s in RUBRIC.sections for question in s.questions]
    assert 1 <= min(asked)
    assert sum(asked) <= len(asked) + 3  # once more after the crash, after the silence and after the question
    assert "finished" == room.interview.ended


def test_what_was_not_heard_before_a_crash_is_said_after_it(tmp_path):
    """The reply to the candidate's last turn."""
    store = FlakyStore()

    async def killed(room):
        await room.speak(room.interview.reply.text)
        await room.answer("Yes, sure.")
        return (await room.interview.hear(FULL, started_s=20, ended_s=40))[0]

    async def back(room):
        before = resume(store, "iv-1")
        await room.interview.resume(before.turns, before.consent)

    words, _ = meet(tmp_path, killed, store=store)
    _, room = meet(tmp_path, back, store=store)

    assert words == room.interview.reply.text


@pytest.mark.parametrize(
    ("lines", "ending"),
    [
        (["Yes.", FULL], "incomplete"),
        (["Yes.", FULL, "Can we stop here?", "Yes."], "stopped"),
        (["Yes.", FULL, "", "", ""], "silent"),
        (["Yes.", *[FULL] * 20], "finished"),
    ],
)
def test_the_manifest_says_how_it_ended(tmp_path, lines, ending):
    """A candidate who hangs up leaves an interview that broke off."""

    async def scenario(room):
        await room.speak(room.interview.reply.text)
        for line in lines:
            if room.interview.ended is None:
                await room.answer(line)
        return await room.interview.close()

    assert ending == meet(tmp_path, scenario)[0].ending


def test_a_wish_for_a_person_is_handed_over(tmp_path):
    """The team sees it with the interview."""

    async def scenario(room):
        await room.speak(room.interview.reply.text)
        await room.answer("Yes.", "Can I talk to a real person, please?")
        return await room.interview.close()

    assert meet(tmp_path, scenario)[0].wants_person


def test_a_withdrawal_is_written_when_the_wish_is_heard(tmp_path):
    """A crash before the answer leaves an interview that nothing of is scored."""

    async def scenario(room):
        await room.speak(room.interview.reply.text)
        await room.answer("Yes.", FULL, "Please stop the recording.")
        return resume(room.store, "iv-1").consent.status

    assert "withdrawn" == meet(tmp_path, scenario)[0]


def test_a_withdrawal_that_is_taken_back_goes_on_after_a_crash(tmp_path):
    """What was said in between is kept by nobody, and what comes after it is."""
    store = FlakyStore()

    async def killed(room):
        await room.speak(room.interview.reply.text)
        await room.answer("Yes.", FULL, "Please stop the recording.", "No.", FULL)
        return resume(store, "iv-1").consent.status

    async def back(room):
        before = resume(store, "iv-1")
        room.keeper._opened = lambda _: before
        await room.interview.resume(before.turns, before.consent)
        return room.interview.reply.conduct.pending

    status, _ = meet(tmp_path, killed, store=store)
    pending, _ = meet(tmp_path, back, store=store)

    assert ("granted", None) == (status, pending)


def test_a_candidate_who_is_back_after_a_wish_to_withdraw_is_asked_again(tmp_path):
    """Nothing is kept until they have said no."""
    store = FlakyStore()

    async def killed(room):
        await room.speak(room.interview.reply.text)
        await room.answer("Yes.", FULL, "Please stop the recording.")

    async def back(room):
        before = resume(store, "iv-1")
        room.keeper._opened = lambda _: before
        await room.interview.resume(before.turns, before.consent)
        asked = room.interview.reply.text
        await room.speak(asked)
        await room.answer("No, go on.")
        return asked, len(before.turns), resume(store, "iv-1")

    meet(tmp_path, killed, store=store)
    (asked, _, after), _ = meet(tmp_path, back, store=store)

    assert "Shall I stop it for good" in asked
    assert asked not in [turn.text for turn in after.turns]
    assert "granted" == after.consent.status


def test_an_interview_that_was_closed_meanwhile_ends_politely(tmp_path):
    """The candidate is told, nothing that was handed over changes, and what came later stands in the file."""

    async def scenario(room):
        await room.speak(room.interview.reply.text)
        await room.answer("Yes.", FULL)
        resume(room.store, "iv-1").finish(ending="incomplete")
        before = dict(room.store.objects)
        await room.answer("And then I was cut off for an hour.")
        return before, await room.interview.close()

    (before, manifest), room = meet(tmp_path, scenario)

    assert "has been closed meanwhile" in room.said[-1]
    assert ("stopped", None, "closed_elsewhere") == (room.interview.ended, manifest, room.interview.outcome)
    assert before == room.store.objects
    assert "cut off for an hour" in (tmp_path / "spool" / "iv-1.jsonl").read_text()


@pytest.mark.parametrize(
    ("first", "away", "outcome"),
    [("Yes.", False, "handed_over"), ("No.", False, "no_consent"), ("Yes.", True, "store_away")],
)
def test_what_became_of_it_is_said(tmp_path, monkeypatch, first, away, outcome):
    """An interview that was not handed over is not always one of which nothing was kept."""
    monkeypatch.setitem(Keeper.finish.__kwdefaults__, "wait_s", 0.0)

    async def scenario(room):
        await room.lead(first)
        room.store.away = away
        return await room.interview.close()

    manifest, room = meet(tmp_path, scenario)

    assert (outcome, outcome == "handed_over") == (room.interview.outcome, manifest is not None)


def test_times_go_on_behind_those_from_before_a_crash(tmp_path):
    """Whoever speaks for it counts from its own first word again; the break takes nobody's time."""
    store = FlakyStore()

    async def killed(room):
        await room.speak(room.interview.reply.text)
        await room.answer("Yes.", FULL)

    async def back(room):
        before = resume(store, "iv-1")
        room.keeper._opened = lambda _: before
        await room.interview.resume(before.turns, before.consent)
        await room.speak(room.interview.reply.text)
        await room.answer(FULL)
        return [turn.started_s for turn in resume(store, "iv-1").turns]

    meet(tmp_path, killed, store=store)
    times, _ = meet(tmp_path, back, store=store)

    assert times == sorted(times)
