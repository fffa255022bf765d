"""An event in transit: CloudEvents 1.0 attributes around one message. Owns the mapping of keys to partitions."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Literal, NamedTuple

PARTITIONS = 8
"""Ordered partitions per source; a key always has the same one."""
ContentType = Literal["application/protobuf", "application/json"]
PROTOBUF: ContentType = "application/protobuf"
JSON: ContentType = "application/json"


class Event(NamedTuple):
    """A fact that a service emitted. `data` is the message of its type, encoded as `content_type` says."""

    id: str
    """The same at every delivery, unique among all sources; consumers deduplicate by it."""
    source: str
    """The service that emits it, such as `inventory`."""
    type: str
    """Such as `inventory.stock_level.changed`."""
    key: str
    """The subject of the event, such as a sku; events of one key arrive in order."""
    position: int
    """Its place in the source's log: 1, 2, 3 and so on, without gaps. CloudEvents calls it `sequence`."""
    time: str
    """RFC 3339, UTC."""
    data: bytes
    content_type: str = PROTOBUF

    @property
    def partition(self) -> int:
        """Its partition among those of its source."""
        return partition_of(self.key)


def partition_of(key: str) -> int:
    """The partition of a key, the same in every process and release."""
    return zlib.crc32(key.encode()) % PARTITIONS


def attributes(event: Event) -> dict[str, str]:
    """CloudEvents 1.0 context attributes in their order, for a broker's headers (binary content mode)."""
    return {
        "specversion": "1.0",
        "id": event.id,
        "source": f"/{event.source}",
        "type": event.type,
        "subject": event.key,
        "partitionkey": event.key,
        "sequence": str(event.position),
        "time": event.time,
        "datacontenttype": event.content_type,
    }


def from_attributes(found: dict[str, str], data: bytes) -> Event:
    """The reverse of `attributes`. KeyError or ValueError for any other message."""
    return Event(
        found["id"],
        found["source"].removeprefix("/"),
        found["type"],
        found["subject"],
        int(found["sequence"]),
        found["time"],
        data,
        found["datacontenttype"],
    )


def matches(type_: str, patterns: Sequence[str]) -> bool:
    """Whether a type is among these patterns, such as `inventory.stock_level.changed` or `order.*`. No pattern means all.

    Compared as text: callers choose patterns, and a regular expression of a caller could cost any amount of time.
    """
    return not patterns or any(_stands_for(pattern, type_) for pattern in patterns)


def _stands_for(pattern: str, type_: str) -> bool:
    if pattern.endswith(".*"):
        return type_.startswith(pattern[:-1])
    return pattern in ("*", type_)
