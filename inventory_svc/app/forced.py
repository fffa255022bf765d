"""The record of changes that a person forced on another owner's reservation: one log line and one count for each."""

from __future__ import annotations

from chassis import metrics, telemetry
from inventory_svc.domain.model import Actor

log = telemetry.logger()

FORCED = metrics.counter(
    "reservations_forced_total", "Changes of a reservation that a person forced past its owner", "kind"
)


def note(reservation_id: str, verb: str, actor: Actor) -> None:
    """Call it once the change is committed; the log adds the id of the request."""
    FORCED.of(verb).value += 1
    log.warning(
        "reservation.forced",
        reservation=reservation_id,
        verb=verb,
        asked_as=actor.owner,
        reason=actor.force_reason,
    )
