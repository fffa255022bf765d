"""What the probes answer."""

from __future__ import annotations

from typing_extensions import TypedDict


class HealthAnswer(TypedDict):
    """The process serves."""

    status: str


class ReadyAnswer(TypedDict):
    """What each service says of itself."""

    status: str
    services: dict[str, str]
