"""The data of the fuzzed shop: reservations, orders, endpoints and payments of all states, so that ids are real."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from tests.stack import Stack

CALL_S = 30.0
OF_EACH_STATE = 6
UNREACHABLE = "http://127.0.0.1:1/"
"""The URL of every endpoint of the fuzzed shop: no server listens there, and no request leaves this machine."""
SETTLED: Mapping[str, tuple[str, ...]] = {
    "active": (),
    "committed": ("commit",),
    "released": ("release",),
    "fulfilled": ("commit", "fulfill"),
    "cancelled": ("commit", "cancel"),
}
"""Actions on a reservation after it was made."""


def stocked(stack: Stack) -> dict[str, list[str]]:
    """Real values by kind: skus, locations, reservations, orders, endpoints, deliveries, payments, customers."""
    with httpx.Client(base_url=stack.edge, headers=stack.headers, timeout=CALL_S, trust_env=False) as rest:
        known = {
            "skus": [sku["sku"] for sku in _ok(rest.get("/v1/skus"))["skus"]],
            "locations": [place["location"] for place in _ok(rest.get("/v1/locations"))["locations"]],
            "reservations": [_reservation(rest, steps) for steps in SETTLED.values() for _ in range(OF_EACH_STATE)],
            "customers": ["c-1", "c-2"],
            "lots": ["LM-2407", "LM-2501"],
            "codes": ["WELCOME10"],
            "topics": ["*", "order.order.*", "order.order.confirmed", "webhook.ping"],
            "types": ["payment.authorized", "payment.declined"],
            "tokens": ["tok_ok", "tok_3ds", "tok_declined"],
            "providers": ["sandbox"],
            "currencies": ["EUR"],
        }
        orders = [_order(rest, token) for token in ("tok_ok", "tok_3ds") for _ in range(OF_EACH_STATE)]
        known["orders"] = [order["order_id"] for order in orders]
        known["payments"] = [order["payment"]["reference"] for order in orders]
        known["endpoints"] = [_endpoint(rest) for _ in range(OF_EACH_STATE)]
        known["deliveries"] = [
            _ok(rest.post(f"/v1/webhook-endpoints/{endpoint}/test"))["delivery_id"] for endpoint in known["endpoints"]
        ]
    return known


def _reservation(rest: httpx.Client, steps: tuple[str, ...]) -> str:
    body = {"lines": [{"sku": "SERUM-30", "quantity": 1}], "ttl_seconds": 86_400}
    made = str(_ok(rest.post("/v1/inventory/reserve", json=body))["reservation_id"])
    for step in steps:
        _ok(rest.post(f"/v1/inventory/reservations/{made}/{step}"))
    return made


def _order(rest: httpx.Client, token: str) -> dict[str, Any]:
    body = {
        "lines": [{"sku": "CREAM-50", "quantity": 1}],
        "customer": {"id": "c-1"},
        "currency": "EUR",
        "channel": "web",
        "payment": {"provider": "sandbox", "token": token},
    }
    return _ok(rest.post("/v1/orders", json=body))


def _endpoint(rest: httpx.Client) -> str:
    body = {"url": UNREACHABLE, "topics": ["order.order.*"]}
    return str(_ok(rest.post("/v1/webhook-endpoints", json=body))["endpoint_id"])


def _ok(answer: httpx.Response) -> dict[str, Any]:
    answer.raise_for_status()
    document: dict[str, Any] = answer.json()
    return document
