"""Where webhooks may be sent: the addresses that a deployment allows, and the part of the network that is public.

A webhook's URL is what somebody typed, so it could name the machine's own services, the cloud's metadata service or a
neighbour. Hence a list of allowed hosts, and only public addresses, whatever a name resolves to.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from evaluator.errors import UsageFault

HTTPS_PORT = 443
URL_CHARS_MAX = 2_000
HOST_CHARS_MAX = 253
RULES_MAX = 100
VARIABLE = "DEBRIEF_WEBHOOK_HOSTS"

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The last label begins with a letter: what ends in a number is an address in one of its many spellings.
_NAME = rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?"
_RULE = re.compile(rf"(?P<any>\*\.)?(?P<name>{_NAME})(?::(?P<port>[1-9][0-9]{{0,4}}))?")
_URL = re.compile(
    rf"https://(?P<name>{_NAME})(?::(?P<port>[1-9][0-9]{{0,4}}))?"
    r"(?P<path>/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?"
    r"(?P<query>\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?"
)
_AUTHORITY = re.compile(r"(?i:https)://[A-Za-z0-9.:-]*")  # may be written in capitals

# What IANA's special-purpose registry or its users keep from the public network, and `is_global` may let through.
_NOT_PUBLIC_4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",
            "100.64.0.0/10",  # shared; a cloud's metadata service too
            "168.63.129.16/32",  # a cloud's host, reachable from its machines
            "192.0.0.0/24",
            "192.88.99.0/24",  # 6to4 relays
            "198.18.0.0/15",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
# Everything outside is no address of the public network: mapped and compatible IPv4, NAT64, local, multicast, ...
_PUBLIC_6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "2001::/23",  # protocols: Teredo, benchmarks, ORCHID
            "2001:db8::/32",
            "2002::/16",  # 6to4: any IPv4 address
            "3fff::/20",
        ),
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A webhook's address, taken apart."""

    host: str  # lower case
    port: int
    path: str  # with the query, which may hold a secret

    @property
    def shown(self) -> str:
        """The address for people, without what may be a secret."""
        path, query, _ = self.path.partition("?")
        port = "" if self.port == HTTPS_PORT else f":{self.port}"
        return f"https://{self.host}{port}{path}{query and '?...'}"


@dataclass(frozen=True, kw_only=True, slots=True)
class HostRule:
    """An entry of the list of allowed hosts."""

    name: str
    below: bool  # the names below it, and not itself
    port: int

    def allows(self, target: Target) -> bool:
        """Whether messages may be sent there."""
        fits = target.host.endswith(f".{self.name}") if self.below else target.host == self.name
        return fits and target.port == self.port


def host_rules(listed: str) -> tuple[HostRule, ...]:
    """The rules of `hooks.example.org, *.example.com:8443`; UsageFault."""
    entries = [entry.strip().lower() for entry in listed.split(",") if entry.strip()]
    if len(entries) > RULES_MAX:
        raise UsageFault(f"{VARIABLE}: at most {RULES_MAX} hosts")
    return tuple(_rule(entry) for entry in entries)


def _rule(entry: str) -> HostRule:
    found = _RULE.fullmatch(entry)
    port = int(found["port"] or HTTPS_PORT) if found else 0
    if not found or port > 65_535 or len(found["name"]) > HOST_CHARS_MAX:
        raise UsageFault(
            f"{VARIABLE}: every entry must be like hooks.example.org, *.example.org or hooks.example.org:8443"
        )
    return HostRule(name=found["name"], below=bool(found["any"]), port=port)


def target_of(url: str, rules: Sequence[HostRule]) -> Target:
    """The address that may be posted to; UsageFault, which repeats nothing of the URL but its host."""
    target = parsed(url)
    if not rules:
        raise UsageFault(f"no webhook may be added: name the hosts that may get messages in {VARIABLE}")
    if not any(rule.allows(target) for rule in rules):
        raise UsageFault(f"{target.host} at port {target.port} is not one of the hosts in {VARIABLE}")
    return target


def parsed(url: str) -> Target:
    """The URL, taken apart; UsageFault for anything but https to a host with a name."""
    lowered = _AUTHORITY.sub(lambda found: found[0].lower(), url, count=1)
    found = _URL.fullmatch(lowered) if len(url) <= URL_CHARS_MAX else None
    port = int(found["port"] or HTTPS_PORT) if found else 0
    if not found or port > 65_535 or len(found["name"]) > HOST_CHARS_MAX:
        raise UsageFault(
            "a webhook's address must be like https://hooks.example.org/debrief: a host with a name, no user, no "
            "fragment, and other characters written as %20"
        )
    return Target(host=found["name"], port=port, path=(found["path"] or "/") + (found["query"] or ""))


def shown_address(url: str) -> str:
    """A kept webhook's address for people, without what may be a secret; `?` for one that nobody could add today."""
    try:
        return parsed(url).shown
    except UsageFault:  # written by an older version, or by hand
        return "?"


def is_public(address: str) -> bool:
    """Whether this is an address of the public network, as far as an address shows it."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv4Address):
        return found.is_global and not any(found in network for network in _NOT_PUBLIC_4)
    in_public = found.is_global and found in _PUBLIC_6 and not found.scope_id
    return in_public and not any(found in network for network in _NOT_PUBLIC_6)
