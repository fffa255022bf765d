"""The target of an attack: addresses and credentials of the attacker, passed to its process as one argument."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

import orjson


@dataclass(frozen=True)
class Target:
    """`token` is for attacks by a legitimate caller; the others use the ticket of a public page, or nothing."""

    edge: str
    grpc: str
    token: str
    ticket: str
    scale: float = 1.0
    """Fraction of the full number of sockets, for the short form."""

    @property
    def host(self) -> str:
        """Host of the edge."""
        return str(urlsplit(self.edge).hostname)

    @property
    def port(self) -> int:
        """Port of the edge."""
        return int(urlsplit(self.edge).port or 0)

    @property
    def websocket(self) -> str:
        """The edge's URL for WebSockets."""
        return self.edge.replace("http", "ws", 1)

    def number(self, full: int) -> int:
        """The scaled number for this run."""
        return max(1, int(full * self.scale))

    def argument(self) -> str:
        """Serializes for a process's command line."""
        return orjson.dumps(asdict(self)).decode()


def parsed(argument: str) -> Target:
    """Parses the result of `argument`."""
    return Target(**orjson.loads(argument))
