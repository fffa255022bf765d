"""WebSocket frames, built once and written to every client that gets the same message."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from edge.push.pushed import PRIVATE, Pushed, joined

TEXT = 0x81
"""A text message of one frame (RFC 6455, 5.2). A server's frames are not masked, so they are the same for all clients."""
MOST_KEPT = 64
"""Newest frames: clients that keep up ask for the same one within milliseconds."""

Key = tuple[str, tuple[int, ...]]


class Frames:
    """Builds frames and keeps the newest."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, bytes] = OrderedDict()

    def of(self, batch: Sequence[Pushed], token: str) -> bytes:
        """One frame with these events."""
        numbers = tuple(pushed.number for pushed in batch)
        if PRIVATE in numbers:
            return text(joined(batch, token))
        frame = self._kept.get((token, numbers))
        if frame is None:
            frame = self._kept[token, numbers] = text(joined(batch, token))
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return frame


def text(payload: bytes) -> bytes:
    """A whole text message as one frame."""
    size = len(payload)
    if size < 126:
        return bytes((TEXT, size)) + payload
    if size < 1 << 16:
        return bytes((TEXT, 126)) + size.to_bytes(2, "big") + payload
    return bytes((TEXT, 127)) + size.to_bytes(8, "big") + payload
