"""What a log record may say: ours as they are, libraries' without what they quote, failures as type and place."""

import logging
import traceback
from collections.abc import Callable, Mapping
from numbers import Number
from pathlib import PurePath
from types import TracebackType
from typing import Any

from evaluator.observing.context import Scalar, bound_ids

OURS = frozenset({"evaluator", "workers", "live_agent", "migrations", "rubrics", "debrief", "__main__"})
IDS, FAILURE = "debrief_ids", "debrief_failure"  # attributes that each record gets
FRAMES_MAX = 6  # of a failure, the innermost
LIBRARY_CHARS_MAX = 300  # of a library's line
LEFT_OUT = "…"
_NAMES = frozenset({"name", "id", "hostname"})  # what Celery's messages may name

ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None] | None
_plain: Callable[..., logging.LogRecord] = logging.LogRecord


def is_ours(logger: str) -> bool:
    """Whether the logger is one of this product's."""
    return logger.partition(".")[0] in OURS


def make_record(  # as logging.LogRecord takes them
    name: str | None,
    level: int,
    pathname: str,
    lineno: int,
    msg: object,
    args: Any,
    exc_info: ExcInfo,
    func: str | None = None,
    sinfo: str | None = None,
    **more: Any,
) -> logging.LogRecord:
    """A record with the ids that are bound where it is made, so that they also travel to another thread or process."""
    if name is None:  # an empty one, to be filled with another's attributes (logging.makeLogRecord)
        return _plain(name, level, pathname, lineno, msg, args, exc_info, func, sinfo, **more)
    if not is_ours(name):
        strict = level >= logging.ERROR or bool(exc_info)
        msg, args = _quoting_nothing(msg, strict=strict), _arguments(args, strict=strict)
    record = _plain(name, level, pathname, lineno, msg, args, exc_info, func, sinfo, **more)
    record.__dict__[IDS] = dict(bound_ids())
    if exc_info and exc_info[1] is not None:
        record.__dict__[FAILURE] = failure(exc_info[1])
    return record


def failure(error: BaseException) -> dict[str, Scalar]:
    """Type, causes and places of an error; its message may hold words of an interview."""
    causes: list[str] = []
    cause = error.__cause__ or error.__context__
    while cause is not None and len(causes) < FRAMES_MAX:
        causes.append(type(cause).__name__)
        cause = cause.__cause__ or cause.__context__
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES_MAX:]
    places = " > ".join(f"{_place(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames)
    told: dict[str, Scalar] = {"error": type(error).__name__, "at": places}
    return {**told, "causes": ", ".join(causes)} if causes else told


def _place(filename: str) -> str:
    """The last parts of a path: where something is installed is nobody's business."""
    return "/".join(PurePath(filename).parts[-3:])


def _quoting_nothing(message: object, *, strict: bool) -> object:
    """A library's message: its first line. What is logged as an object (an exception) is told by its type."""
    if not isinstance(message, str):
        return type(message).__name__
    line = message.strip().partition("\n")[0]
    return line[:LIBRARY_CHARS_MAX] if not strict else line.partition("exception=")[0][:LIBRARY_CHARS_MAX]


def _arguments(args: Any, *, strict: bool) -> Any:
    """What fills in a library's message. Where it fails, words are left out: they may be what it failed on."""
    if isinstance(args, Mapping):
        return {key: _argument(value, strict=key not in _NAMES) for key, value in args.items()}
    if isinstance(args, tuple):
        # logging unpacks one mapping that stands alone
        if len(args) == 1 and isinstance(args[0], Mapping):
            return (_arguments(args[0], strict=strict),)
        return tuple(_argument(value, strict=strict) for value in args)
    return args


def _argument(value: object, *, strict: bool) -> object:
    if value is None or isinstance(value, Number):
        return value
    if isinstance(value, str):
        return LEFT_OUT if strict else value.partition("\n")[0][:LIBRARY_CHARS_MAX]
    return type(value).__name__
