"""The run's promotions, over gRPC: a code with few uses, a code once per customer, an automatic percentage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gen.common.v1.money_pb2 import Money
from gen.promo.v1 import promotion_pb2, promotion_service_pb2
from tests.demo.plan import LAUNCH, WELCOME
from tests.demo.services import Services, call

LAUNCH_USES = 50
LIFETIME = timedelta(hours=1)
"""A demo that was broken off must not leave discounts behind for long."""


@dataclass(frozen=True, slots=True)
class Promotions:
    """Ids and codes of this run."""

    launch_id: str
    welcome_id: str
    week_id: str
    codes: dict[str, str]

    @property
    def ids(self) -> tuple[str, ...]:
        return (self.launch_id, self.welcome_id, self.week_id)


def named(run: str) -> Promotions:
    """The names that this run's promotions have."""
    upper = run.upper()
    codes = {LAUNCH: f"LAUNCH-{upper}", WELCOME: f"WELCOME-{upper}"}
    return Promotions(f"demo-{run}-launch", f"demo-{run}-welcome", f"demo-{run}-week", codes)


async def offer(services: Services, promotions: Promotions) -> None:
    """Creates and activates them. ServiceError."""
    launch = promotion_pb2.Promotion(
        promotion_id=promotions.launch_id,
        name="Launch: 5 euro off",
        fixed_amount=Money(currency="EUR", amount_minor=500),
        code=promotions.codes[LAUNCH],
        usage_limit=LAUNCH_USES,
    )
    welcome = promotion_pb2.Promotion(
        promotion_id=promotions.welcome_id,
        name="Welcome: 10 percent off",
        percent_bps=1_000,
        code=promotions.codes[WELCOME],
        customer_limit=1,
    )
    week = promotion_pb2.Promotion(
        promotion_id=promotions.week_id,
        name="Hot sauce week: 5 percent off",
        percent_bps=500,
        categories=["food/hot-sauce"],
    )
    for promotion in (launch, welcome, week):
        promotion.end_time.FromDatetime(datetime.now(UTC) + LIFETIME)
        made = promotion_service_pb2.CreatePromotionRequest(request_id=promotion.promotion_id, promotion=promotion)
        await call(services.promotions.CreatePromotion, made)
        active = promotion_service_pb2.ActivatePromotionRequest(
            request_id=promotion.promotion_id, promotion_id=promotion.promotion_id
        )
        await call(services.promotions.ActivatePromotion, active)


async def withdraw(services: Services, promotions: Promotions) -> None:
    """Pauses them; what was used stays used."""
    for promotion_id in promotions.ids:
        request = promotion_service_pb2.PausePromotionRequest(request_id=promotion_id, promotion_id=promotion_id)
        await call(services.promotions.PausePromotion, request)
