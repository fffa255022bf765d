"""REST schemas of the probes."""

from __future__ import annotations

from typing_extensions import TypedDict


class HealthAnswer(TypedDict):
    """The process serves."""

    status: str


class ReadyAnswer(TypedDict):
    """The health that each service reports."""

    status: str
    services: dict[str, str]
