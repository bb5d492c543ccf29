"""Log lines: one object a line with the bound ids, nothing that a library or a failure quotes, and not too long."""

import asyncio
import io
import json
import logging
import threading

import pytest

from evaluator.errors import EngineUnavailable
from evaluator.observing import bound, bound_ids, logs, records

NAME = "Zsófia Planted-Name"


class Stream(io.StringIO):
    """Stderr, which may be a terminal."""

    terminal = False

    def isatty(self) -> bool:
        """As the test has it."""
        return self.terminal


@pytest.fixture
def lines():
    """Configures this process's log lines, and gives what was written since; all is put back at the end."""
    stream, root = Stream(), logging.getLogger()
    watched = [root, *(logging.getLogger(name) for name in (*records.OURS, *logs.SEEN_FROM_INFO))]
    before = [(logger, logger.level, logger.handlers[:]) for logger in watched]
    factory = logging.getLogRecordFactory()

    def configured(form="json", level="info", terminal=False, **more):
        stream.terminal = terminal
        logs.configure(form, level, stream=stream, **more)
        return lambda: stream.getvalue().splitlines()

    yield configured
    logging.setLogRecordFactory(factory)
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


def only(written):
    """The one object."""
    (line,) = written()
    return json.loads(line)


def test_a_line_is_one_object_with_the_bound_ids(lines):
    """Time in UTC, level, logger, event, then the ids and what the call adds."""
    written = lines()
    with bound(run=7, interview="iv-1"), bound(section="intro"):
        logging.getLogger("workers.scoring").info("evaluation %d: done", 3, extra={"calls": 2})

    line = only(written)

    assert {"level": "info", "logger": "workers.scoring", "event": "evaluation 3: done"}.items() <= line.items()
    assert {"run": 7, "interview": "iv-1", "section": "intro", "calls": 2}.items() <= line.items()
    assert line["time"].endswith("Z")
    assert ["time", "level", "logger", "event"] == list(line)[:4]


def test_ids_end_with_their_block(lines):
    """The next claim's lines are its own."""
    written = lines()
    with bound(interview="iv-1"):
        pass
    logging.getLogger("workers").info("idle")

    assert "interview" not in only(written)


def test_tasks_and_threads_inherit_ids_and_keep_them_apart():
    """Sections are judged at once: tasks and `asyncio.to_thread` copy what is bound, a bare thread does not."""

    async def section(name):
        with bound(section=name):
            await asyncio.sleep(0)
            return dict(await asyncio.to_thread(bound_ids))

    async def interview():
        with bound(interview="iv-1"):
            return await asyncio.gather(section("a"), section("b"))

    alone = []
    with bound(interview="iv-2"):
        thread = threading.Thread(target=lambda: alone.append(dict(bound_ids())))
        thread.start()
        thread.join()

    assert [{"interview": "iv-1", "section": s} for s in ("a", "b")] == asyncio.run(interview())
    assert [{}] == alone


def fail(error, cause=None):
    """Raises it."""
    raise error from cause


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_failure_is_told_by_type_and_place(lines, form):
    """Its message may quote a transcript."""
    written = lines(form)
    try:
        fail(EngineUnavailable(NAME), cause=ValueError(NAME))
    except EngineUnavailable:
        logging.getLogger("evaluator").exception("a bug")

    (line,) = written()

    assert NAME not in line
    assert "Zs\\u00f3fia" not in line
    assert "EngineUnavailable" in line
    assert "ValueError" in line
    assert "test_observing_logs.py:" in line


@pytest.mark.parametrize("form", ["json", "text"])
def test_verbose_tells_the_message_too(lines, form):
    """As somebody asked for who looks for a bug."""
    written = lines(form, verbose=True)
    try:
        fail(ValueError("the message"))
    except ValueError:
        logging.getLogger("evaluator").exception("a bug")

    assert "ValueError: the message" in "\n".join(written())


def test_what_is_no_scalar_is_dropped_and_what_is_long_is_cut(lines):
    """A list of answers is no field of a log line."""
    written = lines()
    extra = {"answers": [NAME], "completion": {"text": NAME}, "code": "x" * 5_000}
    logging.getLogger("evaluator").info("y" * 5_000, extra=extra)

    line = only(written)

    assert NAME not in json.dumps(line, ensure_ascii=False)
    assert (logs.VALUE_CHARS_MAX, logs.EVENT_CHARS_MAX) == (len(line["code"]), len(line["event"]))


def test_a_line_end_in_a_message_ends_no_line(lines):
    """Or somebody could write a line of their own."""
    written = lines()
    logging.getLogger("evaluator").info('first\n{"level": "error"}')

    assert 'first\n{"level": "error"}' == only(written)["event"]


def library_says(name, level, message, *args, **more):
    """One record of a library's."""
    logging.getLogger(name).log(level, message, *args, **more)


@pytest.mark.parametrize(
    ("message", "args"),
    [
        ("Task raised: %s", (ValueError(NAME),)),
        ("Task raised: %(exc)s in %(name)s", ({"exc": NAME, "name": "debrief.score"},)),
        ("Cannot serialise %r", (NAME,)),
        (f"Task exception was never retrieved\nfuture: <Task exception=ValueError('{NAME}')>", ()),
    ],
)
def test_a_librarys_failure_quotes_nothing(lines, message, args):
    """The sentence stays, what fills it in goes."""
    written = lines()
    library_says("celery.worker", logging.ERROR, message, *args)

    line = only(written)

    assert NAME not in json.dumps(line, ensure_ascii=False)
    assert line["event"].startswith(message.partition("%")[0].partition("\n")[0])


def test_libraries_tell_warnings_only_and_no_fields(lines):
    """What they say at DEBUG may be anything: addresses with keys, bodies, words."""
    written = lines(level="debug")
    library_says("httpx", logging.INFO, "POST https://hooks.example/?key=k")
    library_says("livekit.agents", logging.DEBUG, "received user transcript", extra={"user_transcript": NAME})
    library_says("livekit.agents", logging.WARNING, "slow", extra={"user_transcript": NAME})

    line = only(written)

    assert {"level", "logger", "event", "time"} == set(line)


def test_celery_tells_its_account(lines):
    """Which task came and went is worth a line."""
    written = lines()
    library_says("celery.worker.strategy", logging.INFO, "Task %(name)s[%(id)s] received", {"name": "n", "id": "1"})

    assert "Task n[1] received" == only(written)["event"]


def test_a_record_keeps_the_ids_of_where_it_was_made(lines):
    """Another thread, or another process, may write it."""
    written = lines()
    with bound(interview="iv-1"):
        record = logging.getLogger("live_agent").makeRecord("live_agent", 20, "f", 1, "said", (), None)
    logging.getLogger("live_agent").handle(record)

    assert "iv-1" == only(written)["interview"]


def test_text_has_the_ids_too(lines):
    """For people, behind the sentence."""
    written = lines("text")
    with bound(interview="iv-1"):
        logging.getLogger("workers").info("claimed")

    assert written()[0].endswith("INFO workers claimed [interview=iv-1]")


@pytest.mark.parametrize(("terminal", "first"), [(True, "2"), (False, "{")])
def test_unset_a_terminal_gets_text_and_the_rest_json(lines, terminal, first):
    """People read the one, machines the other."""
    written = lines(None, terminal=terminal)
    logging.getLogger("workers").info("claimed")

    assert first == written()[0][0]


def test_variables_are_taken_before_settings_are_read():
    """What is wrong in them is told by whoever reads the settings."""
    assert ("json", "debug") == logs.chosen({"DEBRIEF_LOG_FORMAT": "json", "DEBRIEF_LOG_LEVEL": "debug"})
    assert (None, None) == logs.chosen({"DEBRIEF_LOG_FORMAT": "xml"})
