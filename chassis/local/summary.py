"""A short summary for a new user: the addresses of the processes, and the first commands to try."""

from __future__ import annotations

from collections.abc import Mapping

from chassis import services
from chassis.local.backing import without_password
from chassis.local.config import Settings
from chassis.local.console import Console
from chassis.local.run_file import NAME

ORDER = (
    '{"lines":[{"sku":"SERUM-30","quantity":2}],"customer":{"id":"c1","email":"ada@example.com"},'
    '"codes":["WELCOME10"],"currency":"EUR","channel":"web","payment":{"provider":"sandbox","token":"tok_ok"}}'
)


def show(console: Console, settings: Settings, environment: Mapping[str, str], seeded: int, seconds: float) -> None:
    """Prints the summary. Secrets stay in run.json, which only its owner can read."""
    edge, run_file = settings.edge_url, settings.local / NAME
    console.say()
    console.say(f"The shop is open, after {seconds:.1f} s. Ctrl-C stops it; its data stays in {settings.local}.")
    console.say(f"  REST      {edge}/v1  (try it in a browser: {edge}/docs)")
    for service in services.NAMES:
        console.say(f"  {service:<9} {settings.addresses[service].reachable}  (gRPC)")
    console.say(f"  Postgres  {without_password(environment['DATABASE_URL'])}")
    console.say(f"  Redis     {without_password(environment['REDIS_URL'])}  (passwords: {run_file})")
    console.say(f"  Broker    {_broker(settings)}")
    console.say(f"  Metrics   {_metrics(settings)}")
    if seeded:
        console.say(f"  Seeded    {seeded} skus in three locations, two promotions (one of them with code WELCOME10)")
    console.say("Look at a stock level, place an order, look again:")
    console.say(f'  TOKEN=$(python3 -c \'import json; print(json.load(open("{run_file}"))["token"])\')')
    console.say(f'  curl -s {edge}/v1/inventory/SERUM-30 -H "Authorization: Bearer $TOKEN"')
    console.say(
        f"  curl -s {edge}/v1/orders -H \"Authorization: Bearer $TOKEN\" -H 'Idempotency-Key: first-order' "
        f"-H 'Content-Type: application/json' -d '{ORDER}'"
    )
    console.say()


def _broker(settings: Settings) -> str:
    if not settings.broker_url:
        return "Redis Streams in the same Redis, database 1"
    return without_password(settings.broker_url)


def _metrics(settings: Settings) -> str:
    shown = [f"{name} {addresses[0]}" for name, addresses in settings.metrics.items() if addresses]
    more = "; each further worker ten ports above" if any(len(each) > 1 for each in settings.metrics.values()) else ""
    return (", ".join(shown) or "shown nowhere") + more
