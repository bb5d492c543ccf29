"""A job of LiveKit's, from its metadata to the handover.

No LiveKit server is to be had: the context is the framework's own fake one (a job without a room), and its API a stub
over real HTTP. What a room adds (tracks, participants) is not tried here.
"""

import asyncio
import json
import logging
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

import pytest
from livekit import api, rtc
from livekit.agents.testing import fake_job_context
from pydantic import SecretStr

from evaluator.adapters import store_from_url
from evaluator.errors import StoreUnavailable
from evaluator.layout import manifest_key
from evaluator.manifest import parse_manifest
from evaluator.settings import Settings
from evaluator.transcript import Transcript
from live_agent import calling
from live_agent.accounting import accounts_of
from live_agent.calling import Call, Kit, entry, kit_of
from live_agent.configuration import Voices, agent_of
from live_agent.handoff import resume
from live_agent.job import job_of
from live_agent.keeping import Keeper
from live_agent.memory import chat_counter
from live_agent.models import Circuits
from live_agent.providers import described
from live_agent.recording import TRIES
from live_agent.routing import Provider, one_model
from live_agent.speech.voices import LOCAL, one_voice
from rubrics.library import library
from tests.fakes import MemoryStore
from tests.integration.live_agent.livekit_stub import LiveKitStub, livekit
from tests.integration.live_agent.voices import Ear, LocalVoice
from tests.unit.live_agent.test_interview import FULL, FlakyStore
from tests.unit.live_agent.test_models import Endpoint, served

WHOLE = {"interview_id": "iv-1", "candidate_ref": "C-1", "requisition": "REQ-1", "rubric": "backend-eng"}
KEYS = dict.fromkeys(described("cascade").keys, "not-a-key")


def settings(tmp_path, **values):
    """Complete ones."""
    usual = {
        "home": tmp_path,
        "livekit_url": "wss://livekit.example.org",
        "livekit_api_key": SecretStr("key"),
        "livekit_api_secret": SecretStr("s" * 32),
        "store_url": "s3://bucket/p",
    }
    return Settings.model_construct(**{**Settings().model_dump(), **usual, **values})


def kit(tmp_path, store, *, voices=None, session=None, earlier=None, routing=None):
    """What a call is made of, with a store in memory and no provider."""
    chosen = settings(tmp_path)
    agent = replace(agent_of(chosen, KEYS), voices=voices, routing=routing)
    rubric = library().find("backend-eng")
    return Kit(
        settings=chosen,
        agent=agent,
        store=store,
        rubric=rubric,
        count=chat_counter(lambda text: len(text) // 4) if routing else None,
        earlier=earlier,
        session=session or {},
    )


class Talk:
    """A call without a room, and its candidate."""

    def __init__(self, call, context, ended):
        self.call, self.context, self.ended = call, context, ended

    async def say(self, *lines, rest=None):
        """These turns, then the rest until the interview ends."""
        for line in lines:
            await self.call.session.run(user_input=line)
        while rest is not None and not self.call.interview.ended:
            await self.call.session.run(user_input=rest)
        await self.call.agent.settle()

    async def hang_up(self):
        """As the framework ends a job: the session first, then what was registered."""
        await self.call.session.aclose()
        await asyncio.gather(*(callback("gone") for callback in self.context._shutdown_callbacks))


@contextmanager
def a_job(metadata, room=None):
    """The framework's fake context, and why it was told to end."""
    reasons = []
    with fake_job_context(room=room, job_metadata=metadata, job_id="job-7") as context:
        context._on_shutdown = reasons.append
        yield context, reasons
        context._tempdir.cleanup()


@asynccontextmanager
async def talking(made, stub):
    """A call that has begun, with a recording."""
    async with livekit(stub) as client:
        room = rtc.Room()
        with a_job(json.dumps(WHOLE), room=room) as (context, reasons):
            call = Call(context, job_of(json.dumps(WHOLE), "interview-iv-1"), made, client.egress)
            call.recording._retry_s = 0.01
            context.delete_room = lambda: asyncio.ensure_future(client.room.delete_room(_room("interview-iv-1")))
            context.add_shutdown_callback(call.finish)
            await call.begin()
            yield Talk(call, context, reasons)


def _room(name):
    return api.DeleteRoomRequest(room=name)


def lead(made, scenario, stub=None):
    """Runs a scenario; (the talk, the stub)."""
    stub = stub or LiveKitStub()

    async def run():
        async with talking(made, stub) as talk:
            await scenario(talk)
            return talk

    return asyncio.run(asyncio.wait_for(run(), 60)), stub


def handed_over(store):
    """The manifest that waits for intake; None when there is none."""
    data = store.get(manifest_key("iv-1"))
    return None if data is None else parse_manifest(data)


def test_an_interview_is_recorded_from_consent_on_and_handed_over(tmp_path, caplog):
    """With its account, and a line in the log without a word that was said."""
    store = MemoryStore()
    caplog.set_level(logging.INFO, "live_agent")

    async def scenario(talk):
        await asyncio.sleep(0.1)
        before = list(stub.started)
        await talk.say("Yes, sure.", rest=FULL)
        assert [] == before
        await talk.hang_up()

    stub = LiveKitStub()
    lead(kit(tmp_path, store), scenario, stub)

    manifest = handed_over(store)
    transcript = Transcript.model_validate_json(store.get(manifest.transcript.key))
    assert ("granted", "pending") == (manifest.consent.status, manifest.recording.status)
    assert (["p/interviews/iv-1/recording.ogg"], ["EG_1"]) == (stub.paths, stub.stopped)
    assert len(transcript.turns) > 10
    assert ["finished"] == [account.ended for account in accounts_of(store, "iv-1")]
    assert FULL[:20] not in caplog.text


def test_refused_nothing_is_recorded_or_kept(tmp_path):
    """The service was never asked."""
    store = MemoryStore()

    async def scenario(talk):
        await talk.say("No, I'd rather not.")
        await talk.hang_up()

    _, stub = lead(kit(tmp_path, store), scenario)

    assert ([], {}) == (stub.started, store.objects)


def test_withdrawn_the_recording_stops_for_good(tmp_path):
    """And the manifest says so."""
    store = MemoryStore()

    async def scenario(talk):
        await talk.say("Yes, sure.", FULL, "Please stop the recording.", "Yes, stop it.")
        await talk.hang_up()

    _, stub = lead(kit(tmp_path, store), scenario)

    assert (1, []) == (len(stub.started), stub.running)
    assert "withdrawn" == handed_over(store).consent.status


def test_a_pause_that_is_taken_back_goes_on_recording(tmp_path):
    """In a second part."""

    async def scenario(talk):
        await talk.say("Yes, sure.", FULL, "Please stop the recording.")
        assert [] == stub.running
        await talk.say("No, go on.", FULL)
        assert 1 == len(stub.running)
        await talk.hang_up()

    stub = LiveKitStub()
    lead(kit(tmp_path, MemoryStore()), scenario, stub)

    assert ([], 2) == (stub.running, len(set(stub.paths)))


def test_a_recording_that_cannot_be_paused_ends_with_its_room(tmp_path):
    """Saying that it is paused would be untrue."""

    async def scenario(talk):
        await talk.say("Yes, sure.", FULL)
        stub.refuse["StopEgress"] = TRIES
        await talk.say("Please stop the recording.")
        await talk.hang_up()

    stub = LiveKitStub()
    store = MemoryStore()
    lead(kit(tmp_path, store), scenario, stub)

    assert ("interview-iv-1", []) == (stub.deleted[0], stub.running)
    assert "withdrawn" == handed_over(store).consent.status


def test_who_hangs_up_leaves_what_was_said(tmp_path):
    """Once, however often the end is told."""
    store = MemoryStore()

    async def scenario(talk):
        await talk.say("Yes, sure.", FULL)
        await asyncio.gather(talk.hang_up(), talk.call.finish())

    lead(kit(tmp_path, store), scenario)

    transcript = Transcript.model_validate_json(store.get(handed_over(store).transcript.key))
    assert FULL.strip() in " ".join(turn.text.strip() for turn in transcript.turns)
    assert ["cut off"] == [account.ended for account in accounts_of(store, "iv-1")]


def test_the_end_of_the_session_ends_the_job(tmp_path):
    """So that LiveKit frees its place."""

    async def scenario(talk):
        await talk.say("No, I'd rather not.")
        async with asyncio.timeout(10):
            while not talk.ended:  # noqa: ASYNC110  the framework's own callback
                await asyncio.sleep(0.02)
        await talk.hang_up()

    talk, _ = lead(kit(tmp_path, MemoryStore()), scenario)

    assert ["user_initiated"] == talk.ended


def test_a_call_that_was_cut_off_goes_on_where_it_was(tmp_path):
    """What recorded it goes on, too."""
    store = MemoryStore()

    async def cut(talk):
        await talk.say("Yes, sure.", FULL)
        await talk.call.session.aclose()  # and nothing else: the process is gone

    async def back(talk):
        await asyncio.sleep(0.2)
        await talk.say(rest=FULL)
        await talk.hang_up()

    stub = LiveKitStub()
    lead(kit(tmp_path, store), cut, stub)
    lead(kit(tmp_path, store, earlier=resume(store, "iv-1")), back, stub)

    assert 1 == len(stub.started)
    transcript = Transcript.model_validate_json(store.get(handed_over(store).transcript.key))
    assert len({turn.id for turn in transcript.turns}) == len(transcript.turns)


def test_a_crash_behind_a_wish_to_withdraw_records_nothing_more(tmp_path):
    """Until the candidate says that it may go on."""
    store = MemoryStore()

    async def cut(talk):
        await talk.say("Yes, sure.", FULL, "Please stop the recording.")
        await talk.call.session.aclose()  # and nothing else: the process is gone

    async def back(talk):
        await asyncio.sleep(0.2)
        assert [] == stub.running
        await talk.say("Yes, stop it.")
        await talk.hang_up()

    stub = LiveKitStub()
    lead(kit(tmp_path, store), cut, stub)
    stub.running.append("EG_left")  # as if the crash had come before it was stopped
    lead(kit(tmp_path, store, earlier=resume(store, "iv-1")), back, stub)

    assert ([], "withdrawn") == (stub.running, handed_over(store).consent.status)


def test_no_recording_and_a_voice_that_fails_end_nothing(tmp_path, caplog):
    """LiveKit's egress refuses, the phrases' engine does not exist: the interview is led to its end."""
    store = MemoryStore()
    nowhere = LOCAL.model_copy(update={"provider": "nowhere"})
    voice = LocalVoice()
    made = kit(tmp_path, store, voices=Voices(tiers=one_voice(nowhere)), session={"tts": voice})

    async def scenario(talk):
        await talk.say("Yes, sure.", FULL)
        await talk.hang_up()

    stub = LiveKitStub()
    stub.refuse = {"StartRoomCompositeEgress": 99}

    async def run():
        async with talking(made, stub) as talk:
            talk.call.session.output.audio = Ear()
            await scenario(talk)

    asyncio.run(asyncio.wait_for(run(), 60))

    account = accounts_of(store, "iv-1")[0]
    assert "failed" == handed_over(store).recording.status
    assert account.played.failed > 0
    assert "there is no engine 'nowhere'" in caplog.text


def test_a_store_that_stays_away_is_logged_and_loses_nothing(tmp_path, monkeypatch, caplog):
    """What was said stands in the file beside the worker."""
    store = FlakyStore()
    store.away = True
    monkeypatch.setitem(Keeper.finish.__kwdefaults__, "wait_s", 0.0)

    async def scenario(talk):
        await talk.say("Yes, sure.", FULL)
        await talk.hang_up()

    lead(kit(tmp_path, store), scenario)

    assert any(FULL.strip()[:40] in path.read_text() for path in (tmp_path / "agent").iterdir())
    assert "iv-1" in caplog.text


@pytest.mark.parametrize("trouble", ["outage", "slow", "nonsense"])
def test_a_model_in_trouble_costs_its_sentence_alone(tmp_path, monkeypatch, trouble):
    """The script is spoken to its end, and the account says what was asked for in vain."""
    store = MemoryStore()
    endpoint = Endpoint()
    endpoint.status = 503 if trouble == "outage" else 200
    endpoint.delay_s = 0.5 if trouble == "slow" else 0.0
    endpoint.content = "You scored 5. Ignore the rubric! <b>" if trouble == "nonsense" else None
    monkeypatch.setattr(calling, "CIRCUITS", Circuits())

    async def scenario(talk):
        await talk.say("Yes, sure.", rest=FULL)
        await talk.hang_up()
        return talk

    async def run():
        async with served(endpoint) as (url,):
            usual = one_model(Provider(url=url), "m")
            tasks = {name: task.model_copy(update={"timeout_s": 0.1}) for name, task in usual.tasks.items()}
            routing = usual.model_copy(update={"tasks": tasks if trouble == "slow" else usual.tasks})
            async with talking(kit(tmp_path, store, routing=routing), LiveKitStub()) as talk:
                await scenario(talk)

    asyncio.run(asyncio.wait_for(run(), 60))

    account = accounts_of(store, "iv-1")[0]
    transcript = store.get(handed_over(store).transcript.key).decode()
    rubric = library().find("backend-eng")
    assert "finished" == account.ended
    assert all(json.dumps(q)[1:-1] in transcript for section in rubric.sections for q in section.questions)
    assert "You scored" not in transcript
    assert (
        sum(share.usage.failed for share in account.models) == 0
        if trouble == "nonsense"
        else account.models[0].usage.failed
    )


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ("", "cannot be used"),
        (json.dumps({**WHOLE, "interview_id": "../../x"}), "interview_id"),
        (json.dumps(WHOLE), "must be called interview-iv-1"),
    ],
)
def test_a_job_that_cannot_be_done_is_refused_with_a_line(tmp_path, caplog, metadata, said):
    """By the job's id and without its content; the job ends at once."""

    async def run():
        with a_job(metadata) as (context, reasons):
            await entry(settings(tmp_path), context)
            return reasons

    assert ["refused"] == asyncio.run(run())
    assert "job job-7 refused" in caplog.text
    assert said in caplog.text
    assert "../" not in caplog.text


@pytest.mark.parametrize(("away", "outcome"), [(2, []), (99, ["refused"])])
def test_a_store_that_is_away_for_a_moment_costs_nobody_their_interview(tmp_path, monkeypatch, caplog, away, outcome):
    """The job asks again, and gives up after a while."""
    asked, begun = [], []

    def kit_of_(*_):
        asked.append(1)
        if len(asked) <= away:
            raise StoreUnavailable("the store is away")
        return kit(tmp_path, MemoryStore())

    async def begin(call):
        begun.append(call)

    monkeypatch.setattr(calling, "kit_of", kit_of_)
    monkeypatch.setattr(Call, "begin", begin)
    monkeypatch.setitem(calling._ready.__kwdefaults__, "within_s", 0.5)
    monkeypatch.setitem(calling._ready.__kwdefaults__, "retry_s", 0.05)

    async def run():
        with a_job(json.dumps(WHOLE), room=rtc.Room()) as (context, reasons):
            context.job.room.name = "interview-iv-1"
            await entry(settings(tmp_path), context)
            return reasons

    assert outcome == asyncio.run(run())
    assert bool(outcome) != bool(begun)
    assert "asked again in" in caplog.text


@pytest.mark.parametrize("identity", [None, "candidate-7"])
def test_the_candidate_is_who_the_dispatch_names(tmp_path, monkeypatch, identity):
    """An observer who joins first is not interviewed; without a name it is the first who joins."""
    waited_for = []

    async def waited(*, identity=None):
        waited_for.append(identity)
        raise TimeoutError

    async def connected():
        """There is no room."""

    async def run():
        metadata = json.dumps({**WHOLE, **({"candidate_identity": identity} if identity else {})})
        with a_job(metadata, room=rtc.Room()) as (context, reasons):
            for name, stand_in in (
                ("is_fake_job", lambda: False),
                ("connect", connected),
                ("wait_for_participant", waited),
            ):
                monkeypatch.setattr(context, name, stand_in)
            await Call(context, job_of(metadata, "interview-iv-1"), kit(tmp_path, MemoryStore()), None).begin()
            return reasons

    assert ["nobody came"] == asyncio.run(run())
    assert [identity] == waited_for


def test_what_was_handed_over_is_not_led_again(tmp_path, moto_url, bucket):
    """Another interview needs another id."""
    url = f"s3://{bucket}?endpoint={moto_url}"
    store_from_url(url).create(manifest_key("iv-1"), b"{}")

    with pytest.raises(calling.UsageFault, match="handed over already"):
        kit_of(settings(tmp_path, store_url=url), job_of(json.dumps(WHOLE), "interview-iv-1"), KEYS)


def test_a_kit_is_made_from_the_settings(tmp_path, moto_url, bucket):
    """With the provider's parts, and nothing called."""
    made = kit_of(
        settings(tmp_path, store_url=f"s3://{bucket}?endpoint={moto_url}"),
        job_of(json.dumps(WHOLE), "interview-iv-1"),
        KEYS,
    )

    assert ({"stt", "tts"}, None, "backend-eng") == (set(made.session), made.earlier, made.rubric.id)
