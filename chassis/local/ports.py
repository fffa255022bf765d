"""Finds out which ports of this machine are in use and which are free."""

from __future__ import annotations

import itertools
import random
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from chassis.local.errors import CannotStart
from chassis.local.kept import Kept

EVERYWHERE = ("", "0.0.0.0", "::", "[::]")  # noqa: S104 - only compared, never bound
NEIGHBOURS = 100  # ports searched for a free one, so that the suggestion is near the usual port


QUIET = range(20_000, 32_000)  # below the ports of outgoing connections, which begin at 32,768 or higher
TRIES = 200
_numbers = itertools.cycle(random.sample(QUIET, len(QUIET)))  # so that a process does not get one port for two servers


@dataclass(frozen=True)
class Address:
    """The address at which a process listens."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, variable: str) -> Address:
        """Reads `host:port`; the error names the variable."""
        host, colon, port = text.rpartition(":")
        if not colon or not port.isdecimal() or not 0 < int(port) < 65536:
            raise CannotStart(f"{variable}={text} is not an address: give host:port, for example 127.0.0.1:50051")
        return cls(host, int(port))

    @property
    def reachable(self) -> str:
        """`host:port` for a caller on this machine."""
        return f"{'127.0.0.1' if self.host in EVERYWHERE else self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def taken(address: Address) -> bool:
    """Whether a process listens there. Both checks are needed: macOS allows a bind beside a wildcard listener."""
    host = "127.0.0.1" if address.host in EVERYWHERE else address.host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.settimeout(0.5)
        if probe.connect_ex((host, address.port)) == 0:
            return True
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, address.port))
        except OSError:
            return True
    return False


def refuse_taken(wanted: Sequence[tuple[str, str, Address]]) -> None:
    """Raises CannotStart for the first (service, variable, address) whose port is in use or listed twice, with a remedy."""
    spoken_for: dict[int, str] = {}
    for service, variable, address in wanted:
        other_service = spoken_for.setdefault(address.port, service)
        if other_service != service:
            raise CannotStart(f"{variable}={address}: the {other_service} already uses that port, choose another one")
    for service, variable, address in wanted:
        if taken(address):
            numbers = range(address.port + 1, min(address.port + NEIGHBOURS, 65536))
            near = (Address(address.host, number) for number in numbers if number not in spoken_for)
            other = next((each for each in near if not taken(each)), "host:port")
            raise CannotStart(
                f"port {address.port} of the {service} is in use by another program: stop that program, "
                f"or choose another port: {variable}={other} make run"
            )


def free() -> int:
    """A free port that no outgoing connection and no other server of this process will get in the meantime."""
    for number in itertools.islice(_numbers, TRIES):
        if not taken(Address("127.0.0.1", number)):
            return number
    raise CannotStart(f"no free port was found between {QUIET.start} and {QUIET.stop}")


def kept_or_free(kept: Kept, name: str) -> int:
    """The port of the last start when it is free, otherwise a new one, so that clients find the server at the same port."""
    port = kept.number(name)
    if port is None or taken(Address("127.0.0.1", port)):
        port = free()
        kept.put(name, port)
    return port
