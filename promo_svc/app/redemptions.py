"""Use cases of redemptions: claim uses for an order, commit them, give them back; all counters in one atomic step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from chassis import errors, ids, requests
from chassis.db import Database, Tx
from chassis.gate.adjustments import Row
from chassis.gate.audit import Findings
from chassis.gate.audit_state import AuditStatus
from chassis.gate.claims import GuardRefused, Reserved
from chassis.gate.journal import enter
from chassis.gate.model import Aborted, Claim, Refused, Reservation, Reused, WantedLine
from chassis.gate.partition import Partition
from promo_svc.app.catalogue import Catalogue
from promo_svc.app.limits import Limits
from promo_svc.domain import conditions
from promo_svc.domain.errors import (
    CustomerLimitReached,
    DomainError,
    PromotionNotApplicable,
    RedemptionAborted,
    RedemptionExpired,
    RedemptionNotFound,
    RedemptionReleased,
    UsageLimitReached,
)
from promo_svc.domain.promotion import Promotion
from promo_svc.domain.redemption import HOLDING, Redemption
from promo_svc.domain.usage import FIRST_ORDER, FIRST_ORDERS
from promo_svc.store import keys, purchases, redemptions, usage


@dataclass(frozen=True)
class Order:
    """The promotions that an order wants to use, each once; `redemption_id` becomes the redemption's id."""

    redemption_id: str
    customer_id: str
    promotion_ids: tuple[str, ...]
    ttl_s: int

    @property
    def fingerprint(self) -> str:
        """Equal for the same customer and the same promotions, in any order."""
        return ids.fingerprint(self.customer_id, *sorted(self.promotion_ids))


class Redemptions:
    """One method per use case. Each is idempotent by the redemption's id."""

    def __init__(
        self,
        database: Database,
        partition: Partition,
        catalogue: Catalogue,
        limits: Limits,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._partition = partition
        self._catalogue = catalogue
        self._limits = limits
        self._now = now

    async def redeem(self, order: Order) -> tuple[Redemption, bool]:
        """Claims one use of each promotion or none; durable when it returns. True: an earlier request did it.

        UsageLimitReached, CustomerLimitReached, PromotionNotApplicable, RedemptionAborted, REQUEST_ID_REUSED, OVERLOADED,
        GATE_REBUILDING, GATE_UNREACHABLE, JOURNAL_UNREACHABLE; RedemptionReleased, RedemptionExpired when it has ended.
        """
        try:
            reserved = await self._claim(order, await self._promotions(order))
        except DomainError:
            # A repeat of an earlier claim gets its result, even if the same claim would fail now.
            earlier = await self._earlier(order)
            if earlier is None:
                raise
            return _holding(earlier), True
        return _holding(reserved.reservation), reserved.replayed

    async def commit(self, redemption_id: str) -> tuple[Redemption, bool]:
        """Commits the uses. True: they were committed before. RedemptionNotFound, RedemptionExpired, RedemptionReleased."""
        found, changed = await self._partition.claims.settle(redemption_id, "COMMITTED")
        if found is None:
            raise RedemptionNotFound(redemption_id)
        if found.state == "ABORTED":
            raise RedemptionReleased(redemption_id)
        return _holding(found), not changed

    async def release(self, redemption_id: str) -> tuple[Redemption, bool]:
        """Gives the uses back, or blocks a redemption that has not arrived yet. True: it had ended before."""
        found, changed = await self._partition.claims.settle(redemption_id, "RELEASED")
        if found is None or found.state == "COMMITTED":
            changed = await self._cancel(redemption_id)
            return await self.get(redemption_id), not changed
        return redemptions.redemption(found), not changed

    async def get(self, redemption_id: str) -> Redemption:
        """One redemption. RedemptionNotFound."""
        found = await self._read(redemption_id)
        if found is None:
            raise RedemptionNotFound(redemption_id)
        return redemptions.redemption(found)

    async def get_many(self, redemption_ids: Sequence[str]) -> list[Redemption]:
        """The redemptions that exist, sorted by id."""
        found = await self._partition.journal.read(redemption_ids)
        return [redemptions.redemption(one) for _, one in sorted(found.items())]

    async def audit(self) -> Findings:
        """Compares gate, journal and movements once."""
        return await self._partition.audit.run_once()

    async def audit_status(self) -> AuditStatus:
        """The status of the always-on audit."""
        return await self._partition.auditor.status()

    async def _promotions(self, order: Order) -> list[Promotion]:
        """Reads again before it refuses: another process may have activated one a moment ago."""
        try:
            return await self._applicable(order)
        except PromotionNotApplicable:
            self._catalogue.forget()
            return await self._applicable(order)

    async def _applicable(self, order: Order) -> list[Promotion]:
        """The promotions, if each may be given now and to this customer."""
        snapshot, now = await self._catalogue.current(), self._now()
        found = []
        for promotion_id in order.promotion_ids:
            promotion = snapshot.by_id.get(promotion_id)
            status = "UNKNOWN" if promotion is None else promotion.status_at(now)
            if promotion is None or status != "ACTIVE":
                raise PromotionNotApplicable(promotion_id, status)
            if promotion.customer_limit and not order.customer_id:
                raise CustomerLimitReached(promotion_id, "", promotion.customer_limit)
            found.append(promotion)
        await self._check_history(order.customer_id, [each for each in found if each.asks_history])
        return found

    async def _check_history(self, customer_id: str, promotions: Sequence[Promotion]) -> None:
        """Repeats the quote's check: an order may have been confirmed since. It lags as the history does."""
        if not promotions:
            return
        orders = 0
        if customer_id:
            async with self._database.connection() as connection:
                orders = (await purchases.standing(connection, [customer_id]))[customer_id]
        for promotion in promotions:
            stands_against = conditions.not_with_this_history(promotion, customer_id, orders)
            if stands_against is not None:
                raise PromotionNotApplicable(promotion.promotion_id, stands_against.node.upper())

    async def _claim(self, order: Order, promotions: list[Promotion]) -> Reserved:
        limits = _customer_limits(promotions)
        if limits:
            await self._limits.ready_customer(order.customer_id, limits)
        wanted = [keys.of_all(promotion.promotion_id) for promotion in promotions]
        wanted += [keys.of_customer(promotion_id, order.customer_id) for promotion_id in limits]
        lines = tuple(WantedLine((key,), 1) for key in wanted)
        claim = Claim(order.redemption_id, order.fingerprint, lines, order.ttl_s * 1000, order.customer_id)
        try:
            return await self._reserve(claim)
        except Refused as refused:
            raise _limit_reached(wanted[refused.short[0].index], promotions, order.customer_id) from refused
        except GuardRefused as refused:
            async with self._database.connection() as connection:
                left = await usage.left(connection, wanted)
            short = next((key for key in wanted if left.get(key, 0) < 1), wanted[0])
            raise _limit_reached(short, promotions, order.customer_id) from refused
        except Reused:
            raise requests.reused(order.redemption_id) from None
        except Aborted:
            raise RedemptionAborted(order.redemption_id) from None

    async def _reserve(self, claim: Claim) -> Reserved:
        """Retries once when the gate does not know a level that the journal already has."""
        try:
            return await self._partition.claims.reserve(claim)
        except Refused as refused:
            unknown = [key for short in refused.short if not short.known for key in claim.lines[short.index].keys]
            if not unknown:
                raise
        await self._limits.tell_untold(unknown)
        try:
            return await self._partition.claims.reserve(claim)
        except Refused as refused:
            if all(short.known for short in refused.short):
                raise
            raise errors.unavailable("GATE_REBUILDING", "a usage limit is not loaded yet; retry") from refused

    async def _earlier(self, order: Order) -> Reservation | None:
        found = await self._read(order.redemption_id)
        if found is None:
            return None
        if found.state == "ABORTED":
            raise RedemptionAborted(order.redemption_id)
        if found.fingerprint != order.fingerprint:
            raise requests.reused(order.redemption_id)
        return found

    async def _read(self, redemption_id: str) -> Reservation | None:
        return (await self._partition.journal.read([redemption_id])).get(redemption_id)

    async def _cancel(self, redemption_id: str) -> bool:
        """Gives back the uses of a committed redemption, in the journal first, then in the gate."""

        async def work(tx: Tx) -> list[Row]:
            epoch = await enter(tx, keys.PARTITION)
            given = await redemptions.cancel(tx, redemption_id)
            return await self._partition.adjustments.record(tx, epoch, given) if given else []

        rows = await self._database.run(work)
        await self._limits.tell_gate(rows)
        return bool(rows)


def _holding(found: Reservation) -> Redemption:
    """A redemption that holds its uses. RedemptionExpired, RedemptionReleased when it no longer does."""
    if found.state == "EXPIRED":
        raise RedemptionExpired(found.id)
    redemption = redemptions.redemption(found)
    if redemption.state not in HOLDING:
        raise RedemptionReleased(found.id)
    return redemption


def _customer_limits(promotions: Sequence[Promotion]) -> dict[str, int]:
    """Limits per customer, by promotion id; promotions for first orders share one."""
    limits = {each.promotion_id: each.customer_limit for each in promotions if each.customer_limit}
    if any(each.first_order_only for each in promotions):
        limits[FIRST_ORDER] = FIRST_ORDERS
    return limits


def _limit_reached(key: str, promotions: list[Promotion], customer_id: str) -> DomainError:
    if keys.is_of_first_order(key):
        promotion = next(each for each in promotions if each.first_order_only)
        return PromotionNotApplicable(promotion.promotion_id, conditions.FIRST_ORDER_ONLY.upper())
    promotion = next(each for each in promotions if each.promotion_id == keys.promotion_of(key))
    if keys.is_of_customer(key):
        return CustomerLimitReached(promotion.promotion_id, customer_id, promotion.customer_limit)
    return UsageLimitReached(promotion.promotion_id, promotion.usage_limit)
