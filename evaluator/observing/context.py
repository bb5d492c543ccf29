"""What the work at hand is about, as tasks and `asyncio.to_thread` inherit it, and the span that it is part of."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Protocol

from evaluator.errors import DebriefError

Scalar = str | int | float | bool | None

_NOTHING: Mapping[str, Scalar] = MappingProxyType({})
_ids: ContextVar[Mapping[str, Scalar]] = ContextVar("debrief_ids", default=_NOTHING)


class Span(Protocol):
    """Something that began and has not ended."""

    def note(self, facts: Mapping[str, Scalar]) -> None:
        """Facts of it: ids, numbers and codes."""

    def end(self, code: str | None) -> None:
        """It is over; code: of what went wrong."""


class Tracer(Protocol):
    """Where spans go. Nothing of it raises for what becomes of them."""

    def begin(self, name: str, ids: Mapping[str, Scalar], *, parent: Span | None, trace: str | None) -> Span:
        """Begins one. trace: without a parent, what its trace is named by; the same name is the same trace."""
        ...


_span: ContextVar[Span | None] = ContextVar("debrief_span", default=None)
_tracers: list[Tracer] = []  # of this process; none or one


@contextmanager
def bound(**ids: Scalar) -> Iterator[None]:
    """Log lines that are written within carry these ids besides those bound before."""
    token = _ids.set({**_ids.get(), **ids})
    try:
        yield
    finally:
        _ids.reset(token)


def bound_ids() -> Mapping[str, Scalar]:
    """The ids that are bound here."""
    return _ids.get()


@contextmanager
def span(name: str, *, trace: str | None = None, **ids: Scalar) -> Iterator[None]:
    """A span of what happens within, with these ids and those bound before; they are bound for log lines too.

    One that an error leaves tells the error's code or type, never its message. Without a tracer the ids are all.
    """
    with bound(**ids):
        if not _tracers:
            yield
            return
        opened = _tracers[0].begin(name, _ids.get(), parent=_span.get(), trace=trace)
        token, code = _span.set(opened), None
        try:
            yield
        except BaseException as error:
            code = code_of(error)
            raise
        finally:
            _span.reset(token)
            opened.end(code)


def note(**facts: Scalar) -> None:
    """Facts of the innermost span: numbers, codes, never text of an interview."""
    if (opened := _span.get()) is not None:
        opened.note(facts)


def code_of(error: BaseException) -> str:
    """The code of an error of ours, the type of any other."""
    return error.code if isinstance(error, DebriefError) else type(error).__name__


def tracing(tracer: Tracer | None) -> None:
    """From here on spans of this process go there; None: nowhere."""
    _tracers[:] = [] if tracer is None else [tracer]
