"""WebSocket frames that are made once and written to every client that gets the same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from edge.push.pushed import PRIVATE, Pushed, joined

TEXT = 0x81
"""The only frame of its message, and text (RFC 6455, 5.2). Frames of a server are not masked, hence the same for all."""
MOST_KEPT = 64
"""Frames of the last moment: clients that keep up ask for the same one within milliseconds."""

Key = tuple[str, tuple[int, ...]]


class Frames:
    """Keeps the newest."""

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
