"""What follows a poll of the metadata service, as a table; and which addresses it may have."""

import pytest

from evaluator.errors import UsageFault
from workers.node import Drain
from workers.spot import POLL_S, POLL_UNREACHED_S, Answer, Imds, State, after_poll

KNOWN = State(token="t", reached=True)
WARNED = State(token="t", reached=True, drain=Drain.CLAIM_NOTHING)


@pytest.mark.parametrize(
    ("state", "told", "tell", "wait_s"),
    [
        (State(), "nothing", None, POLL_S),
        (State(), "rebalance", Drain.CLAIM_NOTHING, POLL_S),
        (State(), "notice", Drain.STOP, None),
        (KNOWN, "unreachable", None, POLL_S),
        (KNOWN, "refused", None, 0.0),
        (WARNED, "nothing", None, POLL_S),
        (WARNED, "rebalance", None, POLL_S),
        (WARNED, "notice", Drain.STOP, None),
    ],
)
def test_what_follows_a_poll(state, told, tell, wait_s):
    """The worker is told each thing once; after a notice there is nothing left to ask."""
    decision = after_poll(state, Answer(told=told, token="t"))

    assert (tell, wait_s) == (decision.tell, decision.wait_s)


def test_recommendation_is_not_taken_back():
    """A service that falls silent after it leaves the worker told."""
    after = after_poll(WARNED, Answer(told="nothing", token="t")).state

    assert Drain.CLAIM_NOTHING == after.drain


def test_machine_elsewhere_is_asked_ever_less():
    """Where nobody answered yet the pause grows to a minute, which is still half of a notice's time."""
    state, pauses = State(), []
    for _ in range(6):
        decision = after_poll(state, Answer(told="unreachable"))
        state = decision.state
        pauses.append(decision.wait_s)

    assert [10.0, 20.0, 40.0, POLL_UNREACHED_S, POLL_UNREACHED_S, POLL_UNREACHED_S] == pauses


def test_hiccup_on_ec2_does_not_slow_the_polls():
    """A service that has answered before may have a notice at any second."""
    state = KNOWN
    for _ in range(9):
        decision = after_poll(state, Answer(told="unreachable"))
        state = decision.state

    assert POLL_S == decision.wait_s


def test_refused_token_is_renewed_at_once_but_only_once():
    """A service that refuses each token is not asked in a busy loop."""
    first = after_poll(KNOWN, Answer(told="refused"))
    second = after_poll(first.state, Answer(told="refused"))

    assert (None, 0.0, POLL_S) == (first.state.token, first.wait_s, second.wait_s)


def test_default_address_is_link_local():
    """Nothing else is asked unless a setting names it."""
    imds = Imds.at(None)

    assert ("169.254.169.254", 80) == (imds.host, imds.port)


@pytest.mark.parametrize(
    "url", ["https://169.254.169.254", "http://", "http://h:99999", "http://h/latest", "http://u@h", "ftp://h", "h:80"]
)
def test_address_that_is_none_is_a_fault_of_the_setting(url):
    """It names the variable."""
    with pytest.raises(UsageFault, match=r"^DEBRIEF_IMDS_URL "):
        Imds.at(url)
