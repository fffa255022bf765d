"""Allowed addresses of webhooks: only public ones. No other file decides what a public address is.

Ranges: IANA's special-purpose registries, which `ipaddress` knows. An IPv6 address that embeds an IPv4 address is judged by it.
"""

from __future__ import annotations

import ipaddress
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import SplitResult, urlsplit

MOST_URL = 2_000
WEB_PORTS = frozenset({80, 443})
LEAST_OTHER_PORT = 1_024
"""Lower ports are used by mail, shells and name servers, which no webhook needs to reach."""
NAT64 = IPv6Network("64:ff9b::/96")
COMPATIBLE = IPv6Network("::/96")
UNICAST = IPv6Network("2000::/3")
"""All of IPv6 that IANA has allocated to Internet hosts; addresses outside are refused without a list."""
NEVER = (
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("3fff::/20"),
)
"""Special-purpose ranges that some releases of Python treat as public."""
INSIDE_NAMES = ("localhost", "local", "internal", "localdomain", "home.arpa")
"""Suffixes of names that never belong to a public host."""


class UrlInvalid(Exception):
    """The URL is not allowed; the text gives the reason."""


def is_public(address: str) -> bool:
    """Whether the text is an IP address of the public Internet. False for text that is not an address."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(known, IPv6Address):
        if known.scope_id is not None:
            return False
        inner = _carried(known)
        if inner is not None:
            return _is_public(inner)
    return _is_public(known)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and address not in UNICAST:
        return False
    if any(address in network for network in NEVER):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _carried(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a mapped, translated or tunnelled IPv6 address embeds."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in NAT64 or address in COMPATIBLE:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def check_url(url: str, allow_private: bool) -> None:
    """Checks the text of a URL; names are checked when they are resolved. UrlInvalid."""
    parts = _split(url)
    if parts.scheme != "https" and not (allow_private and parts.scheme == "http"):
        raise UrlInvalid("must begin with https://")
    if parts.username is not None or parts.password is not None:
        raise UrlInvalid("must not hold credentials")
    if parts.fragment or "#" in url:
        raise UrlInvalid("must not have a fragment")
    host = (parts.hostname or "").rstrip(".")
    if not host:
        raise UrlInvalid("needs a host")
    if not allow_private:
        _check_port(parts)
        _check_host(host)


def _split(url: str) -> SplitResult:
    if len(url) > MOST_URL:
        raise UrlInvalid(f"must have at most {MOST_URL} characters")
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise UrlInvalid("must be printable ASCII without spaces or backslashes")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as wrong:
        raise UrlInvalid(f"is not a valid URL: {wrong}") from wrong
    if port == 0:
        raise UrlInvalid("must not have port 0")
    return parts


def _check_port(parts: SplitResult) -> None:
    if parts.port is not None and parts.port not in WEB_PORTS and parts.port < LEAST_OTHER_PORT:
        raise UrlInvalid(f"must use port 80, 443 or a port from {LEAST_OTHER_PORT}")


def _check_host(host: str) -> None:
    literal = _literal(host)
    if literal is not None and not is_public(literal):
        raise UrlInvalid(f"must be a public address; {host} is not")
    lower = host.lower()
    if literal is None and (
        "." not in lower or any(lower == name or lower.endswith(f".{name}") for name in INSIDE_NAMES)
    ):
        raise UrlInvalid(f"must be a public name; {host} is not")


def _literal(host: str) -> str | None:
    """The host as an address, also in old notations that resolvers accept (127.1, 0x7f000001); None for a name."""
    if ":" in host:
        return host
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except (OSError, ValueError):
        return None
