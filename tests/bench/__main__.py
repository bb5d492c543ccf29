"""`python -m tests.bench [NAME]`: measures what the product promises; one line of JSON, exit 0 when every promise held.

Without a name: ceiling (raw and pipeline, mid, 3 pairs) and overhead. With --all: everything, in its full size.
"""

import argparse
import importlib
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.reporting import RESULTS, finish, say

BENCHES = ("ceiling", "overhead", "growth", "cache", "resume", "cold", "pages", "gpu")
PLAIN = ("ceiling", "overhead")
EVERYTHING = tuple(name for name in BENCHES if name != "gpu")  # that one is for another machine


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _leave)  # so that everything is taken down
    names = (options.bench,) if options.bench else EVERYTHING if options.all else PLAIN
    reports = []
    for name in names:
        began = time.monotonic()
        say(f"{name} begins")
        reports.append(_report(name, options if options.bench else _usual(name, whole=options.all)))
        say(f"{name} took {time.monotonic() - began:.0f} s")
    return finish(reports, options.results)


def _leave(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--all", action="store_true", help="every bench, in its full size")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the reports")
    names = parser.add_subparsers(dest="bench", metavar="NAME")
    for name in BENCHES:
        bench = _bench(name)
        bench.add_options(names.add_parser(name, description=bench.__doc__, help=bench.__doc__.splitlines()[0]))
    return parser


def _bench(name: str) -> Any:
    return importlib.import_module(f"tests.bench.{name}")


def _usual(name: str, *, whole: bool) -> argparse.Namespace:
    """A bench's options as nobody chose them."""
    bench, parser = _bench(name), argparse.ArgumentParser()
    bench.add_options(parser)
    return parser.parse_args(getattr(bench, "WHOLE", ()) if whole else ())


def _report(name: str, options: argparse.Namespace) -> dict[str, Any]:
    return _bench(name).run(options).told()


if __name__ == "__main__":
    sys.exit(main())
