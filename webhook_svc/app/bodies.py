"""Bodies for receivers: Standard Webhooks' `{"type", "timestamp", "data"}`, with the key and source of the event."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from chassis import metrics, telemetry
from chassis.events.event import JSON, Event
from chassis.events.event_types import EventTypes
from webhook_svc.domain.delivery import PING, Message

log = telemetry.logger()

MOST_BYTES = 20_000
"""Standard Webhooks recommends 20 kB at most; receivers may refuse more."""
REDUCED = metrics.counter("webhook_bodies_reduced_total", "Events whose data receivers must fetch themselves", "reason")


class Bodies:
    """Converts events to messages. `event_types` holds all event types."""

    def __init__(self, event_types: EventTypes) -> None:
        self._event_types = event_types

    def message(self, event: Event) -> Message:
        """The message of an event; the data of an unreadable or too large event is replaced by a note."""
        data = self._data(event)
        body = _body(event, data)
        if len(body) > MOST_BYTES:
            REDUCED.of("too_large").value += 1
            body = _body(event, {"too_large": True, "event_id": event.id, "bytes": len(body)})
        return Message(event.id, event.type, event.key, datetime.fromisoformat(event.time), body)

    def _data(self, event: Event) -> dict[str, Any]:
        try:
            return self._event_types.as_json(event)
        except Exception as odd:  # from a newer release, or broken: its envelope is still sent
            if event.content_type == JSON:
                return _plain(event)
            REDUCED.of("unreadable").value += 1
            log.warning("bodies.unreadable", type=event.type, event_id=event.id, error=repr(odd))
            return {"unreadable": True, "event_id": event.id}


def ping(endpoint_id: str, event_id: str, now: datetime) -> Message:
    """The message that a test sends."""
    data = {"endpoint_id": endpoint_id}
    body = orjson.dumps({"type": PING, "timestamp": _iso(now), "data": data, "key": endpoint_id, "event_id": event_id})
    return Message(event_id, PING, endpoint_id, now, body)


def _body(event: Event, data: dict[str, Any]) -> bytes:
    return orjson.dumps(
        {
            "type": event.type,
            "timestamp": event.time,
            "data": data,
            "key": event.key,
            "source": event.source,
            "sequence": event.position,
            "event_id": event.id,
        }
    )


def _plain(event: Event) -> dict[str, Any]:
    found = orjson.loads(event.data)
    return found if isinstance(found, dict) else {"value": found}


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
