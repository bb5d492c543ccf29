"""Where webhooks may go: strict URLs, a list of hosts, public addresses only."""

import ipaddress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evaluator.adapters.webhook_targets import host_rules, is_public, parsed, target_of
from evaluator.errors import UsageFault

RULES = host_rules("hooks.example.org, *.example.com, other.example.net:8443")

NOT_PUBLIC = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "168.63.129.16/32",
    "::/128",
    "::1/128",
    "::/96",
    "::ffff:0:0/96",
    "::ffff:0:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/32",
    "2001:2::/48",
    "2001:10::/28",
    "2001:20::/28",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fd00:ec2::254/128",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
)
PUBLIC = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "100.63.255.255", "172.32.0.1", "2606:4700:4700::1111", "2a00:1450::1"]


@st.composite
def not_public_addresses(draw):
    """An address of one of the networks above, at its ends or between."""
    network = ipaddress.ip_network(draw(st.sampled_from(NOT_PUBLIC)))
    return str(network[draw(st.integers(0, network.num_addresses - 1))])


@settings(deadline=None)
@given(not_public_addresses())
@example("169.254.169.254")
@example("127.0.0.1")
@example("::ffff:8.8.8.8")
@example("64:ff9b::8.8.8.8")
@example("2002:7f00:1::")
@example("fe80::1%eth0")
def test_nothing_of_a_special_network_is_public(address):
    """Loopback, private, link-local, multicast, reserved, mapped, translated, tunnelled."""
    assert not is_public(address)


@pytest.mark.parametrize("network", NOT_PUBLIC)
def test_both_ends_of_a_special_network_are_not_public(network):
    """Where networks are most often cut wrong."""
    found = ipaddress.ip_network(network)

    assert not is_public(str(found[0]))
    assert not is_public(str(found[-1]))


@settings(deadline=None)
@given(st.ip_addresses(v=4))
def test_ipv4_in_an_ipv6_coat_is_never_public(address):
    """Whatever the IPv4 address: mapped, compatible, NAT64, 6to4, Teredo."""
    four = int(address)
    coats = [0xFFFF << 32 | four, four, 0x64FF9B << 96 | four, 0x2002 << 112 | four << 80, 0x20010000 << 96 | four]

    assert [False] * 5 == [is_public(str(ipaddress.IPv6Address(coat))) for coat in coats]


@settings(deadline=None)
@given(st.ip_addresses())
def test_what_is_public_is_global(address):
    """Never more than what Python's own table lets through."""
    assert not is_public(str(address)) or address.is_global


@pytest.mark.parametrize("address", PUBLIC)
def test_ordinary_addresses_are_public(address):
    """The check leaves something."""
    assert is_public(address)


@pytest.mark.parametrize("address", ["", "localhost", "1.2.3", "0x7f.1", "2130706433", "8.8.8.8 ", "[::1]"])
def test_what_is_no_address_is_not_public(address):
    """A resolver that answers oddly."""
    assert not is_public(address)


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("https://hooks.example.org", "hooks.example.org", 443, "/"),
        ("HTTPS://Hooks.Example.ORG/A/b", "hooks.example.org", 443, "/A/b"),
        ("https://hooks.example.org:443/a?b=c%20d", "hooks.example.org", 443, "/a?b=c%20d"),
        ("https://hooks.example.org?b=c", "hooks.example.org", 443, "/?b=c"),
        ("https://a.b.example.com/", "a.b.example.com", 443, "/"),
        ("https://other.example.net:8443/", "other.example.net", 8443, "/"),
    ],
)
def test_allowed_addresses_are_taken_apart(url, host, port, path):
    """Name and port as the connection uses them, the path as it was given."""
    target = target_of(url, RULES)

    assert (host, port, path) == (target.host, target.port, target.path)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/",
        "ftp://hooks.example.org/",
        "//hooks.example.org/",
        "https:/hooks.example.org/",
        "https://hooks.example.org:80/",
        "https://hooks.example.org:8443/",
        "https://hooks.example.org:0443/",
        "https://hooks.example.org:99999/",
        "https://hooks.example.org:/",
        "https://user:pass@hooks.example.org/",
        "https://hooks.example.org@evil.example/",
        "https://evil.example#@hooks.example.org/",
        "https://evil.example\\@hooks.example.org/",
        "https://hooks.example.org/#fragment",
        "https://hooks.example.org/a b",
        "https://hooks.example.org/%zz",
        "https://hooks.example.org/\r\nHost: evil.example",
        "https://hooks.example.org/ä",
        "https://hooks.example.org./",
        "https://hooks.example.org.evil.example/",
        "https://evilhooks.example.org/",
        "https://example.com/",
        "https://evilexample.com/",
        "https://a..example.com/",
        "https://-a.example.com/",
        "https://a_b.example.com/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://2130706433/",
        "https://0x7f.0.0.1/",
        "https://localhost/",
        " https://hooks.example.org/",
        "https://hooks.example.org/" + "a" * 2_000,
        "",
    ],
)
def test_everything_else_is_refused(url):
    """Another scheme, host, port, spelling or trick; nothing of its path or credentials is repeated."""
    with pytest.raises(UsageFault) as caught:
        target_of(url, RULES)

    assert "pass" not in str(caught.value)


@settings(deadline=None)
@given(st.text(max_size=80) | st.text("htps:/.@#\\?[]%01ax-", max_size=40).map("https://".__add__))
def test_any_text_is_parsed_or_refused(text):
    """And what is parsed has a host that is no number."""
    try:
        target = parsed(text)
    except UsageFault:
        return

    assert target.host.rpartition(".")[2][0].isalpha()
    assert target.host == target.host.lower()
    assert target.path.startswith("/")


def test_without_a_list_none_may_be_added():
    """Nobody has to think of turning webhooks off."""
    with pytest.raises(UsageFault, match="DEBRIEF_WEBHOOK_HOSTS"):
        target_of("https://hooks.example.org/", host_rules(" , "))


@pytest.mark.parametrize(
    "listed",
    [
        "*",
        "*.",
        "*.org",
        "*.*.example.org",
        "a.*.org",
        "localhost",
        "127.0.0.1",
        "https://a.example.org",
        "a.example.org:0",
        "a.example.org:70000",
        "a.example.org/x",
        "a b.example.org",
        "a@example.org",
    ],
)
def test_faulty_lists_are_refused(listed):
    """A rule that allows more than it seems to must not be read."""
    with pytest.raises(UsageFault, match="DEBRIEF_WEBHOOK_HOSTS"):
        host_rules(f"hooks.example.org,{listed}")


def test_query_is_not_shown():
    """It may hold a receiver's own secret."""
    assert "https://a.example.com:8443/x?..." == parsed("https://a.example.com:8443/x?token=s3cr3t").shown
    assert "https://a.example.com/x" == parsed("https://a.example.com/x").shown
