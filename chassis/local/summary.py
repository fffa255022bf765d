"""The few lines that tell a newcomer what runs where and what to try first."""

from __future__ import annotations

from collections.abc import Mapping

from chassis.local.backing import without_password
from chassis.local.config import SERVICES, Settings
from chassis.local.console import Console

ORDER = (
    '{"lines":[{"sku":"SERUM-30","quantity":2}],"customer":{"id":"c1","email":"ada@example.com"},'
    '"codes":["WELCOME10"],"currency":"EUR","channel":"web","payment":{"provider":"sandbox","token":"tok_ok"}}'
)


def show(console: Console, settings: Settings, environment: Mapping[str, str], seeded: int, seconds: float) -> None:
    """Prints them."""
    edge, token = settings.edge_url, environment["API_TOKEN"]
    run_file = settings.local / "run.json"
    console.say()
    console.say(f"The shop is open, after {seconds:.1f} s. Ctrl-C closes it; its data stays in {settings.local}.")
    console.say(f"  REST      {edge}/v1  (try it in a browser: {edge}/docs)")
    for service in SERVICES:
        console.say(f"  {service:<9} {settings.addresses[service].reachable}  (gRPC)")
    console.say(f"  Postgres  {without_password(environment['DATABASE_URL'])}")
    console.say(f"  Redis     {without_password(environment['REDIS_URL'])}  (passwords: {run_file})")
    if seeded:
        console.say(f"  Seeded    {seeded} skus in three locations, two promotions (one of them with code WELCOME10)")
    console.say("Look at a stock, place an order, look again:")
    console.say(f"  curl -s {edge}/v1/inventory/SERUM-30 -H 'Authorization: Bearer {token}'")
    console.say(
        f"  curl -s {edge}/v1/orders -H 'Authorization: Bearer {token}' -H 'Idempotency-Key: first-order' "
        f"-H 'Content-Type: application/json' -d '{ORDER}'"
    )
    console.say()
