"""What a crashed agent left on its disk reaches the store, once and in its place; what cannot stays and is named."""

import asyncio

import pytest

from evaluator import layout
from evaluator.errors import StoreUnavailable
from evaluator.manifest import Candidate, Consent, parse_manifest
from live_agent.handoff import opened, resume
from live_agent.keeping import Keeper
from live_agent.sending import send
from live_agent.spool import Line, Spool
from tests.factories import a_rubric
from tests.fakes import MemoryStore
from tests.unit.live_agent.killing import ID, START, begin, turn


class AwayStore(MemoryStore):
    """A store that can be away."""

    away = False

    def create(self, key, data, *, media_type="application/json"):
        """As the store does, while it is there."""
        if self.away:
            raise StoreUnavailable("the store is away")
        super().create(key, data, media_type=media_type)


def keeper_of(store, spool):
    """The record of an interview in this store."""

    def open_(consent):
        return opened(
            store,
            interview_id=ID,
            candidate=Candidate(ref="C-0001"),
            requisition="REQ-1",
            rubric=a_rubric(),
            consent=consent,
            clock=lambda: START,
        )

    return Keeper(ID, open_, spool=spool)


def crash(store, spool, *, there=2, away=3, withdrawn=False, end=None):
    """So many turns while the store is there, then so many while it is away, and the end of the process."""

    async def run():
        store.away = there == 0
        keeper = keeper_of(store, spool)
        await keeper.agreed(Consent(status="granted", text_version="consent-1", at=START))
        for number in range(1, there + 1):
            await keeper.keep(turn(number))
        store.away = True
        for number in range(there + 1, there + away + 1):
            await keeper.keep(turn(number))
        if withdrawn:
            await keeper.withdraw(START)
        if end:
            await keeper.finish(ending=end, wait_s=0.0)
        keeper._file.close()  # as the kernel does

    asyncio.run(run())
    store.away = False


def texts(store):
    """The turns of the store."""
    return [t.id for t in resume(store, ID).turns]


@pytest.mark.parametrize("there", [0, 2])
def test_what_a_crash_left_on_the_disk_is_sent_in_its_place(tmp_path, there):
    """Even where the store was away from the first word on; the file goes then."""
    store = AwayStore()
    crash(store, tmp_path, there=there)

    sent = send(tmp_path, store)

    assert ((ID,), 3, ()) == (sent.interviews, sent.turns, sent.faults)
    assert [f"t{n}" for n in range(1, there + 4)] == texts(store)
    assert [] == list(tmp_path.iterdir())


def test_sending_twice_changes_nothing(tmp_path):
    """As after a crash between the store and the removal of the file."""
    store = AwayStore()
    crash(store, tmp_path)
    (file,) = tmp_path.iterdir()
    data = file.read_bytes()
    send(tmp_path, store)
    before = dict(store.objects)
    file.write_bytes(data)

    assert 0 == send(tmp_path, store).turns
    assert before == store.objects


def test_how_it_ended_is_sent_too(tmp_path):
    """So an interview that came to its end is not called broken off because the store was away."""
    store = AwayStore()
    crash(store, tmp_path, end="finished")

    send(tmp_path, store)

    assert "finished" == parse_manifest(store.get(layout.manifest_key(ID))).ending


def test_a_withdrawal_is_sent_too(tmp_path):
    """Nothing of it may be scored."""
    store = AwayStore()
    crash(store, tmp_path, withdrawn=True)

    send(tmp_path, store)

    assert "withdrawn" == resume(store, ID).consent.status


def test_a_store_that_is_still_away_loses_nothing(tmp_path):
    """The file stays as it is."""
    store = AwayStore()
    crash(store, tmp_path)
    (file,) = tmp_path.iterdir()
    before = file.read_bytes()
    store.away = True

    with pytest.raises(StoreUnavailable):
        send(tmp_path, store)

    assert before == file.read_bytes()


def test_other_words_in_the_same_turn_are_a_conflict_that_is_named(tmp_path):
    """The store's stay, and so does the file."""
    store = AwayStore()
    begin(store, a_rubric()).said(turn(1))
    spool = Spool(tmp_path, ID)
    spool.append([Line(turn=turn(1, text="Something else.")), Line(turn=turn(2))])
    spool.close()

    (fault,) = send(tmp_path, store).faults

    assert "turn t1" in fault
    assert "Something else" not in fault
    assert spool.path.exists()


def test_what_comes_after_the_interview_was_closed_stays_here(tmp_path):
    """It is named, and not lost."""
    store = AwayStore()
    crash(store, tmp_path)
    resume(store, ID).finish(ending="incomplete")

    (fault,) = send(tmp_path, store).faults

    assert "closed (incomplete)" in fault
    assert 1 == len(list(tmp_path.iterdir()))


def test_a_line_that_was_cut_off_keeps_the_file(tmp_path):
    """What can be read is sent."""
    store = AwayStore()
    crash(store, tmp_path)
    (file,) = tmp_path.iterdir()
    with file.open("a") as end:
        end.write('{"turn": {"id": "t6"')

    sent = send(tmp_path, store)

    assert "1 lines cannot be read" in sent.faults[0]
    assert "t5" == texts(store)[-1]
    assert file.exists()


def test_a_file_that_is_still_written_is_left_alone(tmp_path):
    """Its interview goes on."""
    store = AwayStore()
    begin(store, a_rubric())
    spool = Spool(tmp_path, ID)
    spool.append([Line(turn=turn(1))])

    assert (ID,) == send(tmp_path, store).busy
    assert [] == texts(store)


def test_a_keeper_does_not_remove_what_another_has_left(tmp_path):
    """An agent that goes on before anything was sent."""
    store = AwayStore()
    crash(store, tmp_path)
    (file,) = tmp_path.iterdir()
    spool = Spool(tmp_path, ID)
    spool.append([Line(turn=turn(9))])

    spool.remove()

    assert file.exists()


def test_no_folder_is_nothing_to_send(tmp_path):
    """A machine on which the store was never away."""
    assert () == send(tmp_path / "none", AwayStore()).interviews
