"""After the flash sale: units that a crash returned after all buyers had been refused are offered to late buyers.

Without this a killed service could leave a unit unsold, which is not a fault of the product but would look like one.
"""

from __future__ import annotations

from tests.demo.evidence import Reader
from tests.demo.plan import Visit
from tests.demo.settle import Settlement
from tests.demo.traffic import Traffic

ROUNDS = 5


async def sell_what_came_back(traffic: Traffic, reader: Reader, settlement: Settlement, sku: str) -> None:
    """Sells until no unit of the sku is available, at most ROUNDS times and to no more buyers than were refused."""
    refused = sum(not outcome.reply.accepted for outcome in traffic.results.rush)
    for turn in range(ROUNDS):
        available = min(refused, (await reader.stocks([sku]))[sku].available)
        if available <= 0:
            return
        late = (f"l{turn}-{number:03}" for number in range(available))
        await traffic.rush_again(tuple(Visit(name=name, lines=((sku, 1),), customer=name) for name in late))
        await settlement.wait()
        refused -= available
