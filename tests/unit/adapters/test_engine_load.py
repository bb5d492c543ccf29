"""The engine's load: as vLLM writes it, and nothing from what cannot be believed."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.adapters.engine_load import EngineLoad, EngineWatch, load_of

PAGE = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m@1"} 20.0
vllm:num_requests_running{engine="1",model_name="m@1"} 4.0
vllm:num_requests_waiting{engine="0",model_name="m@1"} 3.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="m@1",reason="capacity"} 3.0
vllm:kv_cache_usage_perc{engine="0",model_name="m@1"} 0.71
vllm:kv_cache_usage_perc{engine="1",model_name="m@1"} 0.5
# TYPE vllm:prefix_cache_queries counter
vllm:prefix_cache_queries_total{engine="0",model_name="m@1"} 1.0e+06
vllm:prefix_cache_queries_created{engine="0",model_name="m@1"} 1.7e+09
vllm:prefix_cache_hits_total{engine="0",model_name="m@1"} 830000.0
vllm:prompt_tokens_total{engine="0",model_name="m@1"} 6.1e+06
vllm:generation_tokens_total{engine="0",model_name="m@1"} 400000.0
"""
LOAD = EngineLoad(
    running=24,
    waiting=3,
    kv_usage=0.71,
    prefix_queries=1_000_000,
    prefix_hits=830_000,
    prompt_tokens=6_100_000,
    generation_tokens=400_000,
)


def test_what_vllm_writes_is_read():
    """Summed over a server's ranks; the fullest cache counts."""
    assert (LOAD, 0.83) == (load_of(PAGE), LOAD.hit_share)


def test_an_engine_that_counts_nothing_tells_nothing():
    """No zeros that look like measurements."""
    found = load_of('python_gc_objects_collected_total{generation="0"} 1.0\n')

    assert (EngineLoad(), False, None) == (found, found.told, found.hit_share)


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-1", "1e300", "twelve", "", '"5"'])
def test_what_is_no_number_from_0_on_is_not_told(value):
    """As if the line was not there."""
    assert load_of(f"vllm:num_requests_running {value}\nvllm:num_requests_waiting 1\n") == EngineLoad(waiting=1)


def test_a_cache_that_is_more_than_full_is_not_told():
    """It is a share."""
    assert load_of("vllm:kv_cache_usage_perc 71\n") == EngineLoad()


def test_a_line_that_is_too_long_is_left_out():
    """Whatever it says."""
    assert load_of('vllm:num_requests_running{a="' + "x" * 2_000 + '"} 1\n') == EngineLoad()


@given(st.lists(st.one_of(st.text(), st.text().map(lambda t: f"vllm:num_requests_running{{{t}")), max_size=20))
def test_no_text_raises(lines):
    """Whoever listens at the address writes it."""
    load_of("\n".join(lines))


@pytest.fixture
def server():
    """Answers /metrics as it is told, and remembers what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            served.asked.append((self.path, self.headers["Authorization"]))
            served.answer(self)

        def log_message(self, *_):
            return

    served = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.daemon_threads = True
    served.asked, served.answer = [], page(PAGE.encode())
    thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield served
    served.shutdown()
    served.server_close()
    thread.join(5)


def page(body, status=200, **headers):
    """An answer."""

    def answer(handler):
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def dripping(handler):
    """One byte after another."""
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(100):
            handler.wfile.write(b"#")
            time.sleep(0.1)
    except OSError:
        pass


def watch(server, **more):
    """Asks that server."""
    return EngineWatch(f"http://127.0.0.1:{server.server_port}/v1", api_key="k", **more)


def test_it_is_asked_beside_v1_with_the_key(server):
    """As vLLM serves it."""
    assert watch(server).load() == LOAD
    assert [("/metrics", "Bearer k")] == server.asked


def test_whoever_asks_the_engine_is_asked_once(server):
    """Until what was found is old."""
    now = [0.0]
    one = watch(server, clock=lambda: now[0])
    for now[0] in (0.0, 4.9, 5.1):
        one.load()

    assert 2 == len(server.asked)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (page(b"", 404), "untold"),
        (page(b"", 500), "away"),
        (page(b"", 302, Location="http://127.0.0.1:1/"), "away"),
        (page(PAGE.encode(), **{"Content-Encoding": "gzip"}), "away"),
        (page(b"#" * 5_000_000), "away"),
        (dripping, "away"),
        (page(b"\xff\xfe\x00"), EngineLoad()),
    ],
)
def test_what_is_no_answer_is_none(server, answer, found):
    """Within a moment."""
    server.answer = answer
    began = time.monotonic()

    assert found == watch(server).load()
    assert time.monotonic() - began < 3


def test_an_engine_that_is_away_is_not_waited_for_again_at_once(server):
    """A page that is reloaded must not hang each time."""
    server.answer, now = page(b"", 500), [0.0]
    one = watch(server, clock=lambda: now[0])
    for now[0] in (0.0, 6.0, 14.0, 16.0):
        one.load()

    assert 2 == len(server.asked)
