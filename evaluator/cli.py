"""The command line `debrief`: commands, and what every failure means to the one who typed it."""

import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import FrameType
from typing import Annotated, NoReturn

import typer

from evaluator import __version__
from evaluator.commands.output import out, put, put_json, take_global_flags, warn
from evaluator.errors import DebriefError
from evaluator.observing import logs

INTERRUPTED, TERMINATED, BUG = 130, 143, 1

# Name -> module of evaluator.commands and what of it: a group's `app`, or a command's function. Only what the line
# names is imported, as all of it takes seconds.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "demo": ("demo", "demo"),
    "import": ("intake", "import_files"),
    "intake": ("intake", "intake_command"),
    "run": ("runs", "app"),
    "schedule": ("schedule", "app"),
    "interview": ("interviews", "app"),
    "scorecard": ("scorecards", "app"),
    "compare": ("compare", "compare"),
    "review": ("reviewers", "app"),
    "requisition": ("requisition", "app"),
    "rubric": ("rubric", "app"),
    "evaluation": ("evaluations", "app"),
    "calibrate": ("calibrate", "app"),
    "up": ("staying", "up"),
    "serve": ("staying", "serve"),
    "login": ("login", "login"),
    "worker": ("staying", "worker_command_line"),
    "reconcile": ("staying", "reconcile"),
    "agent": ("agent", "app"),
    "webhook": ("webhook", "app"),
    "audit": ("audit", "app"),
    "doctor": ("doctor", "doctor"),
    "db": ("database", "app"),
    "cost": ("cost", "app"),
    "engine": ("engine", "app"),
    "config": ("config", "app"),
}

STAYING = (["worker"], ["reconcile"], ["serve"], ["agent"])  # whose log somebody keeps: they also tell what goes well


def application(arguments: Sequence[str]) -> typer.Typer:
    """The command line with the command that the arguments name; with all of them for --help and for mistakes."""
    app = typer.Typer(
        name="debrief",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(root)
    named = [a for a in arguments[:1] if a in COMMANDS]
    for name in named or COMMANDS:
        module, attribute = COMMANDS[name]
        found = getattr(import_module(f"evaluator.commands.{module}"), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def root(
    version: Annotated[bool, typer.Option("--version", help="print the version")] = False,
    json: Annotated[bool, typer.Option("--json", help="data as JSON; may stand anywhere")] = False,  # noqa: ARG001
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="no progress")] = False,  # noqa: ARG001
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="say more; tracebacks of bugs")] = False,  # noqa: ARG001
    no_color: Annotated[bool, typer.Option("--no-color", help="no colours")] = False,  # noqa: ARG001
    yes: Annotated[bool, typer.Option("--yes", "-y", help="ask nothing")] = False,  # noqa: ARG001
) -> None:
    """Finished interviews become scorecards that rest on the candidate's own words."""
    if version:
        put(f"debrief {__version__}")
        raise typer.Exit


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    """SIGTERM ends the main thread as Ctrl-C does, with clean-up, and with its own exit code."""
    raise SystemExit(TERMINATED)


def main() -> None:
    """Runs the command line and exits with UX.md's codes."""
    signal.signal(signal.SIGTERM, _terminate)
    arguments = take_global_flags(sys.argv[1:])
    if out.plain:
        os.environ["NO_COLOR"] = "1"
    form, level = logs.chosen(os.environ)
    usual: logs.Level = "info" if out.verbose or arguments[:1] in STAYING else "warning"
    logs.configure(form, level or usual, verbose=out.verbose)
    sys.exit(_run(arguments))


def _run(arguments: list[str]) -> int:
    try:
        result = application(arguments)(args=arguments, prog_name="debrief", standalone_mode=False)
    except DebriefError as error:
        return _failed(error)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on; that is no fault
        return 0
    except Exception as error:  # noqa: BLE001  the last place: a bug is named in one line, its traceback on request
        return _bug(error)
    return result if isinstance(result, int) else 0


def _failed(error: DebriefError) -> int:
    warn(f"debrief: {error}")
    if out.json:
        put_json({"error": error.code, "message": str(error), "exit_code": error.exit_code})
    return error.exit_code


def _bug(error: Exception) -> int:
    shown = getattr(error, "format_message", None)
    if shown is not None:  # the command line itself was wrong
        warn(f"debrief: {shown()}  (debrief --help)")
        return 2
    if out.verbose:
        logging.getLogger(__name__).error("a bug", exc_info=error)
    # The message may hold words of a transcript: the type says enough, --verbose says the rest on request.
    warn(f"debrief: a bug ({type(error).__name__}); run it again with --verbose for the traceback, and report that")
    return BUG
