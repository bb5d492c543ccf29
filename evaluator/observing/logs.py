"""Log lines of this process: one JSON object a line for machines, or plain text for people; both with the bound ids."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal, TextIO

from evaluator.observing import records
from evaluator.observing.context import Scalar

Format = Literal["json", "text"]
Level = Literal["debug", "info", "warning", "error"]

EVENT_CHARS_MAX = 2_000
VALUE_CHARS_MAX = 200  # of a field
FIELDS_MAX = 24  # of a line, beside its ids
SEEN_FROM_INFO = ("celery",)  # libraries whose own account is worth reading; all others from warnings on
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", records.IDS}


def configure(
    form: Format | None = None, level: Level | None = None, *, verbose: bool = False, stream: TextIO | None = None
) -> None:
    """All of this process's log lines from here on go to the stream (stderr), and nowhere else.

    form: unset, text on a terminal and JSON otherwise. level: of our own loggers; libraries tell warnings and worse,
    as what they say at DEBUG may be anything. verbose: failures with their messages and tracebacks.
    """
    stream = stream or sys.stderr
    threshold = getattr(logging, (level or "warning").upper())
    handler = logging.StreamHandler(stream)
    chosen = form or ("text" if stream.isatty() else "json")
    handler.setFormatter(JsonLines(verbose=verbose) if chosen == "json" else TextLines(verbose=verbose))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(threshold, logging.WARNING))
    for name in records.OURS:
        logging.getLogger(name).setLevel(threshold)
    for name in SEEN_FROM_INFO:
        logging.getLogger(name).setLevel(max(threshold, logging.INFO))
    carry_ids()


def carry_ids() -> None:
    """Records are made with the ids that are bound, and libraries' without what they quote, whoever writes them."""
    logging.setLogRecordFactory(records.make_record)


def chosen(environment: Mapping[str, str]) -> tuple[Format | None, Level | None]:
    """What the variables say, before settings are read: a fault in them is told by whoever reads the settings."""
    form, level = (environment.get(f"DEBRIEF_LOG_{name}") for name in ("FORMAT", "LEVEL"))
    forms: dict[str, Format] = {"json": "json", "text": "text"}
    levels: dict[str, Level] = {"debug": "debug", "info": "info", "warning": "warning", "error": "error"}
    return forms.get(form or ""), levels.get(level or "")


def fields_of(record: logging.LogRecord) -> dict[str, Scalar]:
    """What a record tells besides its sentence: bound ids, the failure, and `extra` of our own loggers."""
    told: dict[str, Scalar] = dict(getattr(record, records.IDS, {}))
    if records.is_ours(record.name):
        extra = [(key, value) for key, value in record.__dict__.items() if key not in _STANDARD]
        told |= {key: value for key, value in extra[:FIELDS_MAX] if isinstance(value, str | int | float | bool)}
    told |= getattr(record, records.FAILURE, {})
    return {
        key: value[:VALUE_CHARS_MAX] if isinstance(value, str) and key != "at" else value for key, value in told.items()
    }


class JsonLines(logging.Formatter):
    """One JSON object a line, by structlog; which is imported at the first line, as most commands write none."""

    def __init__(self, *, verbose: bool = False) -> None:
        super().__init__()
        self._verbose = verbose

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        return self._formatter.format(record)

    @cached_property
    def _formatter(self) -> logging.Formatter:
        import structlog

        return structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[self._line],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False, separators=(",", ":")),
            ],
        )

    def _line(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Our object in the place of structlog's, with what its formatter wants to find in it again."""
        record: logging.LogRecord = event["_record"]
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": str(event["event"])[:EVENT_CHARS_MAX],
        }
        line |= {key: value for key, value in fields_of(record).items() if key not in line}
        if self._verbose and record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return line | {"_record": record, "_from_structlog": False}


class TextLines(logging.Formatter):
    """A line for people; ids behind the sentence, a failure's messages and places only when asked for."""

    def __init__(self, *, verbose: bool = False) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        self._verbose = verbose

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  as logging names it
        """The line with its fields."""
        shown = dict(fields_of(record))
        record.message = record.message[:EVENT_CHARS_MAX]
        told = " ".join(f"{key}={value}" for key, value in shown.items() if value is not None)
        return f"{super().formatMessage(record)}{' [' + told + ']' if told else ''}"

    def format(self, record: logging.LogRecord) -> str:
        """With a traceback only when asked for."""
        if self._verbose or not (record.exc_info or record.exc_text):
            return super().format(record)
        quiet = logging.makeLogRecord({**record.__dict__, "exc_info": None, "exc_text": None, "stack_info": None})
        return super().format(quiet)
