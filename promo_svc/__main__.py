"""Composition root of promo_svc: settings, pools, use cases, servicers, serve; closing is the reverse."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import uvloop

from chassis import redis, telemetry
from chassis.config import ConfigError
from chassis.db import Database
from chassis.errors import ServiceError
from chassis.server import Server, Servicer
from gen.promo.v1 import promotion_service_pb2, promotion_service_pb2_grpc
from promo_svc import config
from promo_svc.api.errors import TABLE
from promo_svc.api.promotion_service import PromotionServicer
from promo_svc.app.catalogue import Catalogue
from promo_svc.app.limits import Limits
from promo_svc.app.promotions import Promotions
from promo_svc.app.quotes import Quotes
from promo_svc.app.redemptions import Redemptions
from promo_svc.store import counters

log = telemetry.logger()


@dataclass(frozen=True)
class Promo:
    """What runs: the server, and the mechanism whose jobs keep the gate in step."""

    server: Server
    database: Database
    redis: redis.Client
    counters: counters.Counters


def now() -> datetime:
    """The instant for which quotes are computed."""
    return datetime.now(UTC)


@asynccontextmanager
async def running(settings: config.Settings) -> AsyncIterator[Promo]:
    """The service, listening, without its background jobs."""
    database = Database(settings.database_url, application="promo_svc")
    gate_client = redis.connect(settings.gate_url)
    uses = counters.build(database, gate_client)
    catalogue = Catalogue(database)
    limits = Limits(database, uses.adjustments)
    servicer = PromotionServicer(
        Promotions(database, catalogue, limits),
        Quotes(database, catalogue, now),
        Redemptions(database, uses, catalogue, limits, now),
    )

    async def ready() -> bool:
        async with database.connection() as connection:
            await connection.execute("SELECT 1")
        return await uses.epochs.is_serving()

    served = Servicer(promotion_service_pb2, promotion_service_pb2_grpc, "PromotionService", servicer)
    server = Server(settings.address, [served], TABLE, ready)
    await database.open()
    uses.claims.start()
    try:
        await uses.epochs.watch()
    except ServiceError as failed:  # the server starts all the same, says that it is not ready, and tries again
        log.warning("gate.not_reached", error=str(failed))
    await server.start()
    try:
        yield Promo(server, database, gate_client, uses)
    finally:
        await server.stop()
        await uses.claims.close()
        await gate_client.aclose()
        await database.close()


async def run(settings: config.Settings) -> None:
    """Serves until SIGTERM."""
    async with running(settings) as promo:
        await promo.server.run_until_stopped()


def main() -> None:
    """`python -m promo_svc`"""
    try:
        telemetry.configure("promo_svc")
        settings = config.load()
    except ConfigError as wrong:
        raise SystemExit(f"promo_svc: {wrong}") from None
    uvloop.run(run(settings))


if __name__ == "__main__":
    main()
