"""The configuration of schemathesis: checks, real values, and the expected refusals of valid input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ENDLESS = "/v1/inventory/stream"
"""An event stream does not end, so a test case of it would not end either. tests/edge/push and tests/e2e read it."""

ACCEPTED_OR_BUSINESS = ["2xx", "401", "402", "404", "409", "412", "422"]
"""Allowed statuses for schema-valid input. `refused_as_documented` checks each refusal against the reasons and rules that
the document lists for the operation (`x-reasons`, `x-rules`; see edge/openapi/refusals.py):
401 schemathesis sometimes tries its own token with a valid request;
402 the payment was declined; 404 a named object does not exist; 409 stock, state or limits forbid it; 412 it has changed since;
422 a key was used before, a token belongs to another query, or a rule between fields that no schema can express."""
REFUSED = ["400", "401", "404", "405", "409", "412", "413", "422"]
"""Allowed statuses for schema-invalid input. An unknown id is detected before an invalid body."""

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
"""Where real values are inserted, from which list, and how often; the other values remain generated."""


ALL = ("examples", "coverage", "fuzzing", "stateful")
FIXED = ("examples", "coverage")
"""Phases that generate the same cases for the same document, whatever the seed."""
CHANCE = ("fuzzing", "stateful")
"""Phases that run for as long as there is time, with other cases for another seed."""


@dataclass(frozen=True)
class Plan:
    """The work of one process: target, real values, duration, seed, phases."""

    edge: str
    token: str
    known: Mapping[str, Sequence[str]]
    seconds: float
    seed: int
    phases: Sequence[str] = ALL


def project(plan: Plan) -> dict[str, Any]:
    """Schemathesis' configuration. All checks are on; `object_level_authorization` has nothing to check: one operator."""
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
