"""The generated modules with the messages of every service's events, by the registry of services."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from chassis import services


def every() -> tuple[ModuleType, ...]:
    """`gen.<service>.v1.events_pb2` of each service that emits events."""
    names = (f"gen.{name}.v1" for name in services.NAMES)
    return tuple(import_module(f"{name}.events_pb2") for name in names if _has_events(name))


def _has_events(package: str) -> bool:
    try:
        return find_spec(f"{package}.events_pb2") is not None
    except ModuleNotFoundError:  # a service without messages of its own
        return False
