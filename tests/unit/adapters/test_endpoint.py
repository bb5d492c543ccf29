"""Addresses and keys of engines."""

import pytest

from evaluator.adapters.endpoint import endpoint_of
from evaluator.errors import UsageFault


@pytest.mark.parametrize("base", ["http://h:8000", "http://h:8000/", "http://h:8000/v1", "http://h:8000/v1/"])
def test_address_is_taken_with_or_without_v1(base: str) -> None:
    """All four spellings mean one endpoint."""
    assert endpoint_of(base, "k").url("/v1/models") == "http://h:8000/v1/models"


def test_path_of_a_gateway_is_kept() -> None:
    """An endpoint may live below a path."""
    assert endpoint_of("https://gateway/team/v1", "k").url("/tokenize") == "https://gateway/team/tokenize"


def test_key_is_sent_and_never_shown() -> None:
    """The key goes into the header, and not into a repr."""
    endpoint = endpoint_of("http://h", "hunter2")

    assert endpoint.headers["Authorization"] == "Bearer hunter2"
    assert "hunter2" not in repr(endpoint)


@pytest.mark.parametrize("key", [None, ""])
def test_no_key_sends_no_header(key: str | None) -> None:
    """An engine on loopback may do without a key."""
    assert "Authorization" not in endpoint_of("http://h", key).headers


@pytest.mark.parametrize(
    "base",
    ["", "h:8000", "ftp://h", "http://", "http://hunter2@h", "http://h?key=hunter2", "http://h#x", "http://h:hunter2"],
)
def test_other_addresses_are_usage_faults_that_repeat_nothing(base: str) -> None:
    """An address that cannot be one is refused without showing it, as it may hold a secret."""
    with pytest.raises(UsageFault, match="engine's address") as raised:
        endpoint_of(base, "k")

    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("key", ["hunter2\n", "hunter 2", "hunter2é", "hunter2\x00"])
def test_keys_that_no_header_carries_are_usage_faults(key: str) -> None:
    """A key with a line end would be refused deep in the client with the key in the message."""
    with pytest.raises(UsageFault, match="API key") as raised:
        endpoint_of("http://h", key)

    assert "hunter" not in str(raised.value)
