"""Composition root of promo_svc: settings, pools, use cases, servicers, serve; closing is the reverse."""

from __future__ import annotations

from datetime import UTC, datetime

import uvloop

from chassis import telemetry
from chassis.config import ConfigError
from chassis.db import Database
from chassis.server import Server, Servicer
from gen.promo.v1 import promotion_service_pb2, promotion_service_pb2_grpc
from promo_svc import config
from promo_svc.api.errors import TABLE
from promo_svc.api.promotion_service import PromotionServicer
from promo_svc.app.catalogue import Catalogue
from promo_svc.app.promotions import Promotions
from promo_svc.app.quotes import Quotes


def now() -> datetime:
    """The instant for which quotes are computed."""
    return datetime.now(UTC)


async def run(settings: config.Settings) -> None:
    """Serves until SIGTERM."""
    database = Database(settings.database_url, application="promo_svc")
    await database.open()
    catalogue = Catalogue(database)
    servicer = PromotionServicer(Promotions(database, catalogue), Quotes(catalogue, now))

    async def ready() -> bool:
        async with database.connection() as connection:
            await connection.execute("SELECT 1")
        return True

    served = Servicer(promotion_service_pb2, promotion_service_pb2_grpc, "PromotionService", servicer)
    server = Server(settings.address, [served], TABLE, ready)
    await server.start()
    await server.run_until_stopped()
    await database.close()


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
