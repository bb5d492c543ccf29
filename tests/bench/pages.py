"""`python -m tests.bench.pages`: how long pages take with 10,000 interviews and ten people at once; one line of JSON.

A real PostgreSQL on this machine, the pages as `debrief serve` serves them, in a process of their own, and requests
over loopback from this process, each worker with a connection that it keeps, its next request once it has an answer.
Exit code 0: every promise held.
"""

import argparse
import http.client
import itertools
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import psutil

from evaluator import embedded
from evaluator.adapters.folder import FolderStore
from evaluator.embedded import Part
from evaluator.storage.database import Database
from evaluator.storage.people import person_of, set_admin
from evaluator.storage.sessions import open_session
from evaluator.web.identity import ONE_MACHINE
from migrations import history
from tests.bench.reporting import Report, at_most, machine, say
from tests.integration.web.seeding import seed
from tests.unit.web.builders import a_mixed_transcript, timed

LIST_P95_MAX_S, SCORECARD_P95_MAX_S, WEIGHT_MAX = 0.3, 0.15, 150_000
AT_ONCE, WARM_UP = 10, 40
TIMEOUT_S = 60
DEEP = (1, 5, 20)  # pages on from the first
LISTS = (
    "/interviews",
    "/interviews?sort=intake",
    "/interviews?sort=-interviewed_at",
    "/interviews?sort=-score",
    "/interviews?requisition=REQ-3",
    "/interviews?state=needs_review",
    "/interviews?state=reviewed",
    "/interviews?state=failed",
    "/interviews?alerts=yes",
    "/interviews?q=C-0099",
    "/interviews?reviewer=me_open",
    "/interviews?requisition=REQ-5&state=scored&sort=-interviewed_at",
)
KEY = "interviews/x/transcript-0.json"  # of all seeded interviews


@dataclass(frozen=True, kw_only=True)
class Served:
    """The pages, and what one needs to ask for them."""

    port: int
    cookie: str
    processes: tuple[psutil.Process, ...]  # of the pages
    database: tuple[psutil.Process, ...]  # the leader; its children come and go


@contextmanager
def served(home: Path, interviews: int) -> Iterator[Served]:
    """PostgreSQL with so many interviews, and `debrief serve` over it."""
    with embedded.start(home / "services", frozenset({Part.DATABASE}), say=lambda _: None) as running:
        url = running.endpoints.database_url
        database = Database(url, connections=2)
        history.upgrade(database)
        say(f"writing {interviews:,} interviews")
        with database.begin() as db:
            person_id = person_of(db, "local", "admin", "Bench").id
            set_admin(db, person_id, True)
            opened = open_session(db, person_id, ONE_MACHINE.absolute)
        seed(database, count=interviews, person_id=person_id)
        database.close()
        store = home / "store"
        store.mkdir()
        FolderStore(store).create(KEY, timed(a_mixed_transcript()).to_bytes())
        with _serving(home, url, store.as_uri()) as (port, process):
            leader = _server_of(url)
            yield Served(
                port=port,
                cookie=f"{ONE_MACHINE.cookie}={opened.token}",
                processes=(psutil.Process(process.pid),),
                database=(leader,) if leader else (),
            )


@contextmanager
def _serving(home: Path, database_url: str, store_url: str) -> Iterator[tuple[int, subprocess.Popen]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment = {"DEBRIEF_HOME": str(home), "DEBRIEF_DATABASE_URL": database_url, "DEBRIEF_STORE_URL": store_url}
    command = [str(Path(sys.executable).with_name("debrief")), "serve", "--port", str(port)]
    with (home / "serve.log").open("wb") as log:
        process = subprocess.Popen(command, env=kept | environment, cwd=home, stdout=log, stderr=log)
    try:
        _await(port, process, home / "serve.log")
        yield port, process
    finally:
        process.terminate()
        process.wait(20)


def _await(port: int, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            ask(Link(port), "/livez", "")
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"debrief serve did not start:\n{log.read_text()[-2000:]}") from error
            time.sleep(0.1)
        else:
            return


def _server_of(url: str) -> psutil.Process | None:
    """The first process of the PostgreSQL that listens there."""
    port = int(url.rsplit(":", 1)[1].split("/", maxsplit=1)[0])
    for process in psutil.process_iter(["name"]):
        if "postgres" in (process.info["name"] or ""):
            try:
                if any(c.laddr.port == port and c.status == "LISTEN" for c in process.net_connections("tcp")):
                    return process
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
    return None


# ---------------------------------------------------------------- asking


class Link:
    """A connection that is kept."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)


def ask(link: Link, address: str, cookie: str, status: int = 200) -> tuple[float, bytes, int]:
    """Seconds until the last byte was there, the body, and how many bytes went over the line to us."""
    began = time.perf_counter()
    link.connection.request("GET", address, headers={"Cookie": cookie, "Accept": "text/html"})
    answer = link.connection.getresponse()
    body = answer.read()
    took = time.perf_counter() - began
    if answer.status != status:
        raise SystemExit(f"{address} answered {answer.status}: {body[:300]!r}")
    head = sum(len(name) + len(value) + 4 for name, value in answer.getheaders()) + 20
    return took, body, len(body) + head


def addresses(link: Link, cookie: str) -> list[str]:
    """The list by its filters and orders, and pages deep in it."""
    found = list(LISTS)
    for first in LISTS[:6]:
        address = first
        for number in range(max(DEEP)):
            _, body, _ = ask(link, address, cookie)
            onward = re.search(r'href="([^"]+)" rel="next"', body.decode())
            if onward is None:
                break
            address = unescape(onward[1])
            if number + 1 in DEEP:
                found.append(address)
    return found


def scorecards(link: Link, cookie: str) -> list[str]:
    """Scorecards from all over the list."""
    pages = (ask(link, address, cookie)[1].decode() for address in LISTS[:5])
    return list(dict.fromkeys(found for page in pages for found in re.findall(r'href="(/scorecards/[^"#]+)"', page)))


def weight(link: Link, address: str, cookie: str) -> tuple[int, int]:
    """Bytes of a page with its style sheets and scripts, and of all that went over the line for it."""
    _, body, line = ask(link, address, cookie)
    parts = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', body.decode()))
    rest = [ask(link, part, cookie) for part in parts]
    return len(body) + sum(len(b) for _, b, _ in rest), line + sum(n for _, _, n in rest)


# ---------------------------------------------------------------- measuring


def cpu_s(leaders: Sequence[psutil.Process], *, children: bool = True) -> float:
    """CPU time so far of these processes and their children that live."""
    total = 0.0
    for leader in leaders:
        for process in (leader, *(leader.children(recursive=True) if children else ())):
            try:
                spent = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += spent.user + spent.system
    return total


def spent(place: Served) -> tuple[float, float, float]:
    """CPU seconds so far: of the pages, of PostgreSQL, of us."""
    return cpu_s(place.processes), cpu_s(place.database), cpu_s((psutil.Process(),), children=False)


def measured(place: Served, asked: Sequence[str], requests: int) -> dict[str, float]:
    """Ten at once, each its next address as soon as the last one is answered; seconds and CPU milliseconds."""
    turns = itertools.cycle(asked)

    def work(wanted: Sequence[str]) -> list[float]:
        link = Link(place.port)
        return [ask(link, address, place.cookie)[0] for address in wanted]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(work, [[next(turns) for _ in range(WARM_UP // AT_ONCE)] for _ in range(AT_ONCE)]))
        before, began = spent(place), time.perf_counter()
        portions = [[next(turns) for _ in range(requests // AT_ONCE)] for _ in range(AT_ONCE)]
        took = [seconds for part in pool.map(work, portions) for seconds in part]
        lasted = time.perf_counter() - began
        after = spent(place)
    pages, database, client = (1000 * (b - a) / len(took) for a, b in zip(before, after, strict=True))
    cuts = statistics.quantiles(took, n=100)
    return {
        "requests": len(took),
        "p50_s": round(statistics.median(took), 4),
        "p95_s": round(cuts[94], 4),
        "p99_s": round(cuts[98], 4),
        "max_s": round(max(took), 4),
        "per_s": round(len(took) / lasted, 1),
        "cpu_ms_pages": round(pages, 2),
        "cpu_ms_database": round(database, 2),
        "cpu_ms_client": round(client, 2),
    }


def bench(interviews: int, requests: int) -> dict[str, object]:
    """The whole measurement."""
    with tempfile.TemporaryDirectory(prefix="debrief-bench-") as folder, served(Path(folder), interviews) as place:
        link = Link(place.port)
        lists, cards = addresses(link, place.cookie), scorecards(link, place.cookie)
        weights = {a: weight(link, a, place.cookie) for a in (*lists, cards[0])}
        heaviest = max(weights, key=lambda a: weights[a][0])
        load = os.getloadavg()[0]
        say(f"{len(lists)} addresses of the list, {requests} requests, {AT_ONCE} at once")
        on_list = measured(place, lists, requests)
        say(f"{len(cards)} scorecards, {requests} requests, {AT_ONCE} at once")
        on_card = measured(place, cards, requests)
        link = Link(place.port)  # the one before was closed meanwhile, as nobody used it
        one = {a: round(min(ask(link, a, place.cookie)[0] for _ in range(3)), 4) for a in (*LISTS, cards[0])}
    return {
        "bench": "pages",
        "interviews": interviews,
        "at_once": AT_ONCE,
        "cores": os.cpu_count(),
        "load_before": round(load, 2),
        "load_after": round(os.getloadavg()[0], 2),
        "list": on_list,
        "scorecard": on_card,
        "alone_s": one,
        "heaviest": heaviest.partition("&after")[0],
        "weight_bytes": weights[heaviest][0],
        "transferred_bytes": weights[heaviest][1],
    }


def add_options(parser: argparse.ArgumentParser) -> None:
    """Sizes."""
    parser.add_argument("--interviews", type=int, default=10_000)
    parser.add_argument("--requests", type=int, default=400, help="of each of the two kinds of pages")


def run(options: argparse.Namespace) -> Report:
    """As one of `python -m tests.bench`."""
    with machine() as told:
        found = bench(options.interviews, options.requests)
    promises = (
        at_most("list_p95_s", found["list"]["p95_s"], LIST_P95_MAX_S),
        at_most("scorecard_p95_s", found["scorecard"]["p95_s"], SCORECARD_P95_MAX_S),
        at_most("weight_bytes", found["weight_bytes"], WEIGHT_MAX),
    )
    return Report(bench="pages", figures=found, promises=promises, machine=told)


def main() -> int:
    """Exit code 0 when every promise held."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pages", description=__doc__)
    add_options(parser)
    options = parser.parse_args()
    told = bench(options.interviews, options.requests)
    on_list, on_card = told["list"], told["scorecard"]
    promises = {
        "list_p95": on_list["p95_s"] < LIST_P95_MAX_S,
        "scorecard_p95": on_card["p95_s"] < SCORECARD_P95_MAX_S,
        "weight": told["weight_bytes"] < WEIGHT_MAX,
    }
    for name, found in (("list", on_list), ("scorecard", on_card)):
        say(
            f"{name}: p50 {found['p50_s'] * 1000:.0f} ms, p95 {found['p95_s'] * 1000:.0f} ms, "
            f"p99 {found['p99_s'] * 1000:.0f} ms, {found['per_s']} a second; CPU a request: pages "
            f"{found['cpu_ms_pages']} ms, PostgreSQL {found['cpu_ms_database']} ms, "
            f"this client {found['cpu_ms_client']} ms"
        )
    say(f"alone, the best of three: {', '.join(f'{a} {s * 1000:.0f} ms' for a, s in told['alone_s'].items())}")
    say(f"heaviest page with its styles and scripts: {told['weight_bytes']:,} bytes, {told['heaviest']}")
    say(f"load average {told['load_before']} before and {told['load_after']} after, {told['cores']} cores")
    print(json.dumps({**told, "promises": promises, "held": all(promises.values())}), flush=True)
    return 0 if all(promises.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
