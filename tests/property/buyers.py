"""The buyers' requests: reserve, repeat, commit, release, extend, fulfill and cancel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from gen.inventory.v1 import reservation_service_pb2 as pb
from tests.property.example import BASKETS, LINES, OWNER, WHICH, Example, taken_of, wish
from tests.property.model import Line

ENDED = {"RELEASED": "RESERVATION_RELEASED", "EXPIRED": "RESERVATION_EXPIRED", "ABORTED": "RESERVATION_ABORTED"}
FOREIGN = "cart-7"
LAPSE = (
    "UPDATE reservations SET expires_at = now() - interval '1 minute' WHERE id = %s AND state = 'ACTIVE' RETURNING 1"
)


class Buyers(Example):
    """Rules of buyers."""

    @rule(line=LINES)
    def reserve_one_line(self, line: Line) -> None:
        self._reserved(self._new_id(), self._own((line,)))

    @rule(basket=BASKETS)
    def reserve_a_basket(self, basket: tuple[Line, ...]) -> None:
        self._reserved(self._new_id(), self._own(basket))

    @precondition(lambda self: self.model.held or self.orphans)
    @rule(which=WHICH)
    def repeat(self, which: int) -> None:
        baskets = {id: held.basket for id, held in self.model.held.items()} | self.orphans
        id = self._among(sorted(baskets), which)
        if id not in self.model.held:
            self._reserved(id, baskets[id])
            return
        held = self.model.held[id]
        answer, reason = self._call(self.shop.reservations.ReserveStock, wish(id, held.basket))
        if held.state in ("ACTIVE", "COMMITTED") and answer is not None:
            assert answer.replayed
            assert taken_of(answer.reservation) == held.taken
        else:  # the gate forgets ended reservations, and may have no stock to take again
            assert reason == ENDED.get(held.state) or (held.state != "ACTIVE" and self._is_short(held.basket, reason))

    @precondition(lambda self: self.model.held)
    @rule(which=WHICH)
    def repeat_with_another_body(self, which: int) -> None:
        id = self._among(sorted(self.model.held), which)
        held = self.model.held[id]
        basket = (*held.basket, Line(self.prefix + "A", 1))
        _, reason = self._call(self.shop.reservations.ReserveStock, wish(id, basket))
        if held.state == "ABORTED" and reason == "RESERVATION_ABORTED":
            return
        assert reason == "REQUEST_ID_REUSED" or (held.state != "ACTIVE" and self._is_short(basket, reason))

    @precondition(lambda self: self._active())
    @rule(which=WHICH)
    def commit(self, which: int) -> None:
        id = self._among(self._active(), which)
        for _ in ("first", "again"):
            self._settle(id, "COMMITTED")

    @precondition(lambda self: self._active())
    @rule(which=WHICH)
    def extend(self, which: int) -> None:
        self._settle(self._among(self._active(), which), "EXTENDED")

    @precondition(lambda self: self.model.held)
    @rule(which=WHICH, to=st.sampled_from(["COMMITTED", "RELEASED", "EXTENDED"]))
    def settle(self, which: int, to: str) -> None:
        self._settle(self._among(sorted(self.model.held), which), to)

    def _foreign(self, method: Callable[..., Any], request: Any) -> None:
        """A foreign call precedes each of the owner's; the books after both must show only the owner's."""
        assert self._call(method, request)[1] == "RESERVATION_OWNED_BY_ANOTHER"

    def _settle(self, id: str, to: str) -> None:
        state = self.model.held[id].state
        if state != "ABORTED":  # a tombstone may be the sweeper's, which has no owner
            self._foreign(*self._settling(id, to, FOREIGN))
        _, reason = self._call(*self._settling(id, to))
        if state == "ACTIVE":
            assert reason == ""
            self._settled(id, to)
        elif state == to or (to == "RELEASED" and state in ("ABORTED", "EXPIRED")):
            assert reason == ""
        else:
            assert reason == {**ENDED, "COMMITTED": "RESERVATION_COMMITTED"}[state]

    @rule(to=st.sampled_from(["COMMITTED", "RELEASED"]))
    def settle_what_never_came(self, to: str) -> None:
        id = next(iter(self.orphans), None) or self._new_id()
        _, reason = self._call(*self._settling(id, to))
        assert reason == ("" if to == "RELEASED" else "RESERVATION_NOT_FOUND")
        if to == "RELEASED":
            self.model.abort(id, self.orphans.pop(id, (Line(self.prefix + "A", 1),)))

    @precondition(lambda self: self._active())
    @rule(which=WHICH)
    def expire(self, which: int) -> None:
        id = self._among(self._active(), which)
        self.runner.run(self.runner.stores.rows(LAPSE, id))
        self.runner.run(self.shop.partition.sweeper.expire_once())
        self.model.end(id, "EXPIRED")

    @precondition(lambda self: self._sold())
    @rule(which=WHICH)
    def fulfill(self, which: int) -> None:
        id = self._among(self._sold(), which)
        request = pb.FulfillReservationRequest(request_id=self._new_id(), reservation_id=id, owner=OWNER)
        still_open = bool(self.model.held[id].open)
        foreign = pb.FulfillReservationRequest(request_id=self._new_id(), reservation_id=id, owner=FOREIGN)
        self._foreign(self.shop.reservations.FulfillReservation, foreign)
        _, reason = self._call(self.shop.reservations.FulfillReservation, request)
        if not still_open:
            assert reason == "QUANTITY_NOT_OPEN"
        else:
            assert reason == ("" if self.model.fulfill(id) else "NO_FIT_LOT")

    @precondition(lambda self: self._sold())
    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        id = self._among(self._sold(), which)
        request = pb.CancelReservationRequest(request_id=self._new_id(), reservation_id=id, owner=OWNER)
        foreign = pb.CancelReservationRequest(request_id=self._new_id(), reservation_id=id, owner=FOREIGN)
        self._foreign(self.shop.reservations.CancelReservation, foreign)
        _, reason = self._call(self.shop.reservations.CancelReservation, request)
        assert reason == ("" if self.model.held[id].open else "QUANTITY_NOT_OPEN")
        self.model.cancel(id)
