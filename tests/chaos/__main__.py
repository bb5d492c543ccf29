"""`python -m tests.chaos`: a fleet, an input, faults by a seeded schedule, and one line of JSON that judges them."""

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evaluator.adapters import store_from_url
from evaluator.adapters.folder import FolderStore
from evaluator.intake import intake
from evaluator.layout import checkpoints_prefix
from evaluator.ports import ObjectStore
from evaluator.storage.runs import Selection, start_run
from evaluator.wiring import Services
from tests.chaos import faults, oracle
from tests.chaos.fleet import Fleet, prepare, undisturbed_settings
from tests.chaos.planting import MISSING, interview_id, plant, revise

SECTIONS = 5  # of backend-eng
INTAKE_S_MIN, INTAKE_S_EACH = 120.0, 0.2
DRAIN_S = 180.0
WASTED_SHARE_MAX = 0.05  # where there are enough interviews, and at least five per kill
WASTED_FROM = 500
MOTO_INTERVIEWS, MOTO_KILLS = 50, 10


def say(words: str) -> None:
    """Progress, on stderr."""
    print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr, flush=True)


class Broken(Exception):
    """The harness itself could not go on."""


def main() -> int:
    """The exit code: 0 when every promise held and every planned fault fired."""
    signal.signal(signal.SIGTERM, _leave)  # so that nothing is left running
    options = _options()
    first = "moto" if options.store == "moto" else "folder"
    report = _pass(options, first)
    if options.store == "both":
        small = argparse.Namespace(**{**vars(options), "interviews": MOTO_INTERVIEWS, "kills": MOTO_KILLS})
        report["moto"] = _pass(small, "moto")
        report["broken"] += [f"moto: {words}" for words in report["moto"]["broken"]]
    print(json.dumps(report), flush=True)
    for broken in report["broken"]:
        say(f"broken: {broken}")
    return 1 if report["broken"] else 0


def _pass(options: argparse.Namespace, store: str) -> dict[str, Any]:
    """One fleet, from its first service to its report."""
    folder = Path(tempfile.mkdtemp(prefix="debrief-chaos-"))
    fleet = None
    try:
        say(f"services start in {folder}, store: {store}")
        fleet = prepare(
            folder,
            seed=options.seed,
            nodes=options.nodes,
            slots=options.slots,
            reconcilers=2,
            delay_ms=options.delay_ms,
            moto=store == "moto",
        )
        return {"store": store, **_run(fleet, options)}
    finally:
        if fleet is not None:
            fleet.end()
        if options.keep:
            say(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _leave(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--interviews", type=int, default=60)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--delay-ms", type=float, default=40.0)
    parser.add_argument(
        "--store",
        choices=("folder", "moto", "both"),
        default="folder",
        help=f"moto: S3 as moto speaks it; both: a folder, then {MOTO_INTERVIEWS} interviews over moto",
    )
    parser.add_argument("--only", default="", help="these faults only, separated by commas")
    parser.add_argument("--keep", action="store_true", help="keep the folder with its logs")
    options = parser.parse_args()
    planned = len(_planned(options))
    if options.interviews < planned:
        parser.error(
            f"{planned} faults are planned: give at least as many interviews, each fault needs work to disturb"
        )
    return options


def _planned(options: argparse.Namespace) -> list[str]:
    wanted = options.only.split(",") if options.only else [*faults.FAULTS]
    return [name for name in faults.schedule(kills=options.kills, seed=options.seed) if name in wanted]


def _run(fleet: Fleet, options: argparse.Namespace) -> dict[str, Any]:
    began = time.monotonic()
    undisturbed = undisturbed_settings(fleet)
    stores = tuple(store_from_url(each.store_url) for each in (fleet.settings, undisturbed))
    planted = plant(stores, interviews=options.interviews, seed=options.seed)
    say(f"{options.interviews} interviews in the inbox, planted: {planted}")
    _undisturbed(fleet, undisturbed, planted, options.interviews)
    say(f"scored undisturbed, {time.monotonic() - began:.0f} s")
    fleet.begin()
    services = Services(settings=fleet.settings)
    try:
        _await_intake(services, options.interviews)
        _withdraw(services, planted)
        chaos = faults.Chaos(
            fleet=fleet,
            database=services.database,
            chance=random.Random(f"{options.seed}|targets"),
            planted=frozenset(planted),
        )
        planned = _planned(options)
        fired, missed = _disturb(chaos, planned, options.interviews)
        drain_s = _drain(services)
        repeated = _repeat(services, fleet)
        expected = _undisturbed_again(fleet, undisturbed, chaos)
        return _judge(chaos, services, expected, planted, planned, fired, missed, drain_s, repeated, options)
    finally:
        services.close()


def _undisturbed(fleet: Fleet, settings: Any, planted: dict[str, str], interviews: int) -> None:
    """Scores each sound interview."""
    sound = tuple(i for n in range(1, interviews + 1) if (i := interview_id(n)) not in planted)
    made = _score_undisturbed(fleet, settings, {"undisturbed": Selection(interviews=sound)})
    if len(made) != len(sound):
        raise Broken(f"the undisturbed run made {len(made)} of {len(sound)} scorecards")


def _undisturbed_again(fleet: Fleet, settings: Any, chaos: faults.Chaos) -> dict[oracle.Made, str]:
    """The digests of all scorecards that the disturbed fleet was asked for; the last two faults decided on some."""
    store = store_from_url(settings.store_url)
    for interview in chaos.revised:
        revise(store, interview)
    selections = {
        "revised": Selection(interviews=tuple(chaos.revised)),
        "rescored": Selection(only="all", interviews=tuple(chaos.rescored), rescore=True),
    }
    return _score_undisturbed(fleet, settings, {name: one for name, one in selections.items() if one.interviews})


def _score_undisturbed(fleet: Fleet, settings: Any, selections: dict[str, Selection]) -> dict[oracle.Made, str]:
    """The digests of all scorecards once these runs are done too."""
    services = Services(settings=settings)
    try:
        while intake(services.database, services.store, services.find_rubric).seen:
            pass
        with services.database.begin() as db:
            for name, selection in selections.items():
                start_run(db, name=name, selection=selection, judge=services.judge)
        oracle.score_undisturbed(fleet, settings)
        return oracle.bodies(services.database)
    finally:
        services.close()


def _await_intake(services: Services, interviews: int) -> None:
    limit_s = max(INTAKE_S_MIN, INTAKE_S_EACH * interviews)
    deadline = time.monotonic() + limit_s
    while True:
        known = oracle.rows(services.database, "SELECT count(*) AS n FROM interview")[0]["n"]
        if known == interviews:
            say(f"reconcilers have taken {known} in")
            return
        if time.monotonic() > deadline:
            raise Broken(f"the reconcilers took in {known} of {interviews} interviews within {limit_s:.0f} s")
        time.sleep(0.2)


def _withdraw(services: Services, planted: dict[str, str]) -> None:
    gone = [name for name, poison in planted.items() if poison == MISSING]
    for row in oracle.rows(services.database, "SELECT transcript_key FROM interview WHERE id = ANY(:ids)", ids=gone):
        services.store.delete(row["transcript_key"])


def _disturb(chaos: faults.Chaos, planned: list[str], interviews: int) -> tuple[Counter[str], list[str]]:
    """Fires the faults one after another, each while newly started rows are being worked on."""
    fired: Counter[str] = Counter()
    missed: list[str] = []
    batches = _batches(interviews, len(planned))
    for number, name in enumerate(planned, start=1):
        faults.arm(chaos, name)
        faults.start(chaos, f"run-{number}", next(batches))
        if name not in ("run_stop", "deadline", "revision"):  # else its rows would have ended by then
            time.sleep(chaos.chance.uniform(0.0, 0.6))
        began = time.monotonic()
        if faults.FAULTS[name](chaos):
            fired[name] += 1
        else:
            missed.append(name)
        note = " DID NOT FIRE" if name in missed else ""
        say(f"fault {number}/{len(planned)}: {name}{note}, {time.monotonic() - began:.1f} s")
        time.sleep(chaos.chance.uniform(0.2, 1.0))
    return fired, missed


def _batches(interviews: int, faults_planned: int) -> Iterator[tuple[str, ...]]:
    """The interviews in as many runs as there are faults."""
    ids = [interview_id(n) for n in range(1, interviews + 1)]
    for place in range(faults_planned):
        yield tuple(ids[interviews * place // faults_planned : interviews * (place + 1) // faults_planned])


def _drain(services: Services) -> float:
    """Seconds until every row has ended and every run is closed."""
    began = time.monotonic()
    while time.monotonic() - began < DRAIN_S:
        left = oracle.rows(
            services.database,
            "SELECT (SELECT count(*) FROM evaluation WHERE state IN ('pending', 'running')) AS rows, "
            "(SELECT count(*) FROM run WHERE state <> 'closed') AS runs",
        )[0]
        if left == {"rows": 0, "runs": 0}:
            break
        time.sleep(0.5)
    else:
        say(f"not drained within {DRAIN_S:.0f} s: {left}")
    return round(time.monotonic() - began, 1)


def _repeat(services: Services, fleet: Fleet) -> int:
    """The calls that three more runs over everything ask for, started at once."""
    log = fleet.folder / "engine-calls.log"
    before = sum(oracle.calls(log).values())

    def begin(number: int) -> None:
        with services.database.begin() as db:
            start_run(db, name=f"again-{number}", selection=Selection(only="all"), judge=services.judge)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _drain(services)
    return sum(oracle.calls(log).values()) - before


def _judge(
    chaos: faults.Chaos,
    services: Services,
    expected: dict[oracle.Made, str],
    planted: dict[str, str],
    planned: list[str],
    fired: Counter[str],
    missed: list[str],
    drain_s: float,
    repeated: int,
    options: argparse.Namespace,
) -> dict[str, Any]:
    """The report; `broken` names every promise that did not hold."""
    fleet, database = chaos.fleet, services.database
    made = oracle.bodies(database)
    asked = oracle.calls(fleet.folder / "engine-calls.log")
    sound_calls = oracle.calls(fleet.folder / "undisturbed-calls.log")
    needed = sum(sound_calls.values())
    wasted = sum(max(0, asked[digest] - n) for digest, n in sound_calls.items())
    given_up = oracle.cancelled(database)
    missing = _missing(fleet, services.store, given_up)
    ended = oracle.rows(
        database, "SELECT interview_id, state, code FROM evaluation WHERE state NOT IN ('done', 'cancelled')"
    )
    quarantined = {row["interview_id"]: row["code"] for row in ended if row["state"] == "quarantined"}
    open_rows = [row["interview_id"] for row in ended if row["state"] in ("pending", "running")]
    reclaims, hand_overs = oracle.gaps(database)
    apart = [*chaos.outages, *fleet.without_a_slot]
    settings = fleet.settings
    revisions = {interview for interview, _ in given_up}
    lost = set(expected) - set(made) - given_up
    told = oracle.lines(fleet.folder / "armed" / "fired.log")
    report: dict[str, Any] = {
        "interviews": options.interviews,
        "seed": options.seed,
        "kills": {name: fired[name] for name in faults.KILLS},
        "faults": {name: n for name, n in fired.items() if name not in faults.KILLS},
        "poison_kills": told.count("poison-kill"),
        "lost": len(lost),
        "duplicate": oracle.duplicates(database),
        "incomplete": len(missing) + len(open_rows),
        "superseded": len(given_up),
        "superseded_rightly": revisions <= set(chaos.revised),
        "bodies_equal": made == {one: digest for one, digest in expected.items() if one not in given_up},
        "calls_needed": needed,
        "wasted_calls": wasted,
        "wasted_share": round(wasted / max(1, needed), 4),
        "reclaim": oracle.percentiles(reclaims, apart),
        "hand_over": oracle.percentiles(hand_overs, apart),
        "drain_s": drain_s,
        "claims_after_a_run_closed": oracle.claims_after_close(database),
        "calls_of_repeated_runs": repeated,
        "quarantined": quarantined,
        "quarantine_equal": set(quarantined) == set(planted),
        "planted": planted,
        "open_rows": open_rows,
        "settings": _told(fleet),
    }
    report["broken"] = _broken(report, missed, planned, settings)
    return report


def _missing(fleet: Fleet, store: ObjectStore, given_up: set[oracle.Made]) -> set[str]:
    """Checkpoints of the undisturbed run that are not there; those of evaluations that were given up aside."""
    absent = oracle.checkpoints(FolderStore(fleet.folder / "undisturbed")) - oracle.checkpoints(store)
    aside = tuple(checkpoints_prefix(*one) for one in given_up)
    return {key for key in absent if not key.startswith(aside)}


def _told(fleet: Fleet) -> dict[str, Any]:
    """The clocks and sizes that the figures belong to."""
    clocks = (
        "lease_s",
        "heartbeat_s",
        "tick_s",
        "infrastructure_delay_s",
        "content_delay_s",
        "soft_shutdown_s",
        "engine_timeout_s",
    )
    sizes = {"nodes": fleet.nodes_wanted, "slots": fleet.slots, "engine_delay_ms": fleet.delay_ms}
    return {name: getattr(fleet.settings, name) for name in clocks} | sizes


def _broken(report: dict[str, Any], missed: list[str], planned: list[str], settings: Any) -> list[str]:
    kills = sum(report["kills"].values())
    per_kill = report["settings"]["slots"] * SECTIONS
    faults_fired = kills + sum(report["faults"].values()) + report["poison_kills"]
    promises = {
        "evaluations that nobody replaced were cancelled": report["superseded_rightly"],
        f"{report['lost']} interviews are lost": report["lost"] == 0,
        f"{report['duplicate']} duplicates": report["duplicate"] == 0,
        f"{report['incomplete']} incomplete": report["incomplete"] == 0,
        "bodies differ from the undisturbed run's": report["bodies_equal"],
        "the quarantined are not the planted": report["quarantine_equal"],
        f"{report['calls_of_repeated_runs']} calls by runs over what was scored": report["calls_of_repeated_runs"] == 0,
        f"{report['claims_after_a_run_closed']} claims for runs that were closed": not report[
            "claims_after_a_run_closed"
        ],
        f"faults that never fired: {missed}": not missed,
        f"{report['wasted_calls']} wasted calls are more than was in flight": report["wasted_calls"]
        <= faults_fired * per_kill,
    }
    if kills and report["interviews"] >= max(WASTED_FROM, 5 * kills):
        promises[f"{report['wasted_share']:.1%} of the calls wasted"] = report["wasted_share"] <= WASTED_SHARE_MAX
    for name, limit_s in (("reclaim", settings.lease_s + settings.tick_s + 3.0), ("hand_over", 3.0)):
        p95 = report[name].get("p95_s")
        promises[f"{name} p95 of {p95} s is above {limit_s} s"] = p95 is None or p95 <= limit_s
    return [words for words, held in promises.items() if not held]


if __name__ == "__main__":
    sys.exit(main())
