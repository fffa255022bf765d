"""An example body for each operation that takes one. They fit the goods of `SEED=on`: SERUM-30 in berlin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CART: dict[str, Any] = {"lines": [{"sku": "SERUM-30", "quantity": 1}], "currency": "EUR", "channel": "web"}
SKU: dict[str, Any] = {
    "sku": "LIPSTICK-RUBY",
    "name": "Lipstick Ruby",
    "category": "make-up/lips",
    "brand": "Aurea",
    "price": {"currency": "EUR", "amount_minor": 1899},
    "attributes": {"shade": "ruby", "size_ml": 4, "vegan": True},
    "parent_product": "LIPSTICK",
}
LINES = {"lines": [{"sku": "SERUM-30", "location": "berlin", "quantity": 1}]}
OF_OPERATION: Mapping[str, dict[str, Any]] = {
    "place_order": {
        **CART,
        "customer": {"id": "c-1001", "email": "ada@example.com"},
        "codes": [],
        "payment": {"provider": "sandbox", "token": "tok_ok"},
    },
    "cancel_order": {"reason": "changed my mind"},
    "reserve_stock": {"lines": [{"sku": "SERUM-30", "quantity": 2}], "ttl_seconds": 900, "owner": "till-7"},
    "extend_reservation": {"ttl_seconds": 900},
    "commit_reservation": {},
    "release_reservation": {},
    "fulfill_reservation": LINES,
    "cancel_reservation": LINES,
    "create_location": {"location": "lyon", "name": "Lyon", "time_zone": "Europe/Paris", "priority": 30},
    "receive_stock": {
        "sku": "SERUM-30",
        "location": "berlin",
        "quantity": 24,
        "lot": "L-2026-11",
        "expiry_date": "2028-11-30",
        "reason": "delivery 4711",
    },
    "adjust_named_stock": {"sku": "SERUM-30", "location": "berlin", "delta": 1, "reason": "found"},
    "adjust_stock": {"delta": 1, "reason": "found"},
    "set_stock": {"backorder_limit": 10, "reason": "more are on their way"},
    "batch_get_stock": {"skus": ["SERUM-30", "CREAM-50"]},
    "create_sku": SKU,
    "upsert_skus": {"skus": [SKU]},
    "update_sku": {"price": {"currency": "EUR", "amount_minor": 1799}},
    "quote_promotions": {**CART, "codes": ["WELCOME10"]},
    "create_webhook_endpoint": {"url": "https://shop.example.com/hooks", "topics": ["order.order.*"]},
    "update_webhook_endpoint": {"description": "the shop's warehouse", "max_in_flight": 8},
    "rotate_webhook_secret": {},
    "test_webhook_endpoint": {},
    "replay_webhook_events": {"from": "2026-11-20", "to": "2026-11-21T10:00:00Z"},
    "resend_webhook_delivery": {},
    "request_notice": {"sku": "SERUM-30", "channel": "web", "email": "ada@example.com"},
    "issue_ticket": {"topics": ["stock"], "skus": ["SERUM-30"], "ttl_seconds": 600},
    "query": {"query": '{ stock(sku: "SERUM-30") { sku available } }'},
    "receive_sandbox": {"type": "payment.authorized", "data": {"payment_reference": "pay-1"}},
}
