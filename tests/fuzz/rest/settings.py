"""How schemathesis is set up: which checks, which real values, and which refusals of valid input are business."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ENDLESS = "/v1/inventory/stream"
"""An event stream does not end, so a case of it would not either. tests/edge/push and tests/e2e read it."""

ACCEPTED_OR_BUSINESS = ["2xx", "401", "402", "404", "409", "412", "422"]
"""What schema-valid input may be answered. The refusals among them are held to the reasons and rules that the document
gives the operation (`x-reasons`, `x-rules`; see edge/openapi/refusals.py) by `refused_as_documented`:
401 schemathesis now and then tries a token of its own with a valid request;
402 the payment was declined; 404 what it names is not there; 409 stock, state or limits forbid it; 412 it has changed since;
422 a key was used before, a token is of another query, or a rule between fields that no schema can say."""
REFUSED = ["400", "401", "404", "405", "409", "412", "413", "422"]
"""What schema-invalid input may be answered. An unknown id is found out before a wrong body is."""

BOUND: Mapping[str, tuple[str, float]] = {
    "path.sku": ("skus", 0.8),
    "path.location": ("locations", 0.8),
    "path.reservation_id": ("reservations", 0.8),
    "path.order_id": ("orders", 0.8),
    "path.endpoint_id": ("endpoints", 0.8),
    "path.delivery_id": ("deliveries", 0.8),
    "path.customer_id": ("customers", 0.7),
    "query.location": ("locations", 0.5),
    "query.customer": ("customers", 0.5),
    "body.sku": ("skus", 0.7),
    "body.location": ("locations", 0.8),
    "body.lot": ("lots", 0.3),
    "body.skus[*]": ("skus", 0.5),
    "body.lines[*].sku": ("skus", 0.8),
    "body.lines[*].location": ("locations", 0.8),
    "body.lines[*].locations[*]": ("locations", 0.8),
    "body.codes[*]": ("codes", 0.5),
    "body.currency": ("currencies", 0.9),
    "body.price.currency": ("currencies", 0.7),
    "body.payment.provider": ("providers", 0.95),
    "body.payment.token": ("tokens", 0.9),
    "body.customer.id": ("customers", 0.5),
    "body.topics[*]": ("topics", 0.7),
    "body.data.payment_reference": ("payments", 0.7),
}
"""Where a real value is put in, from which list, and how often; the rest stays made up."""


ALL = ("examples", "coverage", "fuzzing", "stateful")
FIXED = ("examples", "coverage")
"""Phases that make the same cases for the same document, whatever the seed."""
CHANCE = ("fuzzing", "stateful")
"""Phases that go on for as long as there is time, with other cases for another seed."""


@dataclass(frozen=True)
class Plan:
    """What one process does: where, with which real values, for how long, with which seed, in which phases."""

    edge: str
    token: str
    known: Mapping[str, Sequence[str]]
    seconds: float
    seed: int
    phases: Sequence[str] = ALL


def project(plan: Plan) -> dict[str, Any]:
    """Schemathesis' configuration. All checks are on; `object_level_authorization` has nothing to see: one operator."""
    known = plan.known
    return {
        "base-url": plan.edge,
        "seed": plan.seed,
        "max-time": max(1, round(plan.seconds)),
        "continue-on-failure": True,
        "request-timeout": 30,
        "suppress-health-check": ["all"],
        "auth": {"openapi": {"HTTPBearer": {"bearer": plan.token}}},
        "dictionaries": {name: {"values": list(values)} for name, values in known.items()},
        "parameters": {place: {"dictionary": name, "probability": often} for place, (name, often) in BOUND.items()},
        "operations": [{"include-path": ENDLESS, "enabled": False}],
        "phases": {name: {"enabled": name in plan.phases} for name in ALL},
        "checks": {
            "not_a_server_error": {"expected-statuses": ["2xx", "4xx"]},
            "positive_data_acceptance": {"expected-statuses": ACCEPTED_OR_BUSINESS},
            "negative_data_rejection": {"expected-statuses": REFUSED},
        },
        "generation": {"database": "none", "no-shrink": True, "max-examples": 25},
    }
