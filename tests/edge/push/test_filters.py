"""Which client gets which event: filters, the index that finds them, grants, and levels that a snapshot has sent."""

from __future__ import annotations

import pytest

from chassis.events.event import Event
from edge.problems import Problem
from edge.push.door import allowed
from edge.push.filters import Filter, Grant, ScopeMissing, asked
from edge.push.index import Index
from edge.push.pushed import Pushed
from edge.push.subscriber import MOST_WAITING, TOO_SLOW, Control, Subscriber
from edge.push.topics import topic_of
from gen.inventory.v1.events_pb2 import ReservationChanged
from gen.inventory.v1.reservation_pb2 import Reservation, ReservationLine
from gen.promo.v1.events_pb2 import RedemptionChanged
from gen.promo.v1.quote_pb2 import Redemption
from tests.edge.push.world import TYPES, named, stock

RESERVATION = ReservationChanged(
    reservation=Reservation(
        reservation_id="r",
        lines=[ReservationLine(sku="A", location="berlin"), ReservationLine(sku="B", location="paris")],
    )
)
REDEMPTION = RedemptionChanged(redemption=Redemption(redemption_id="d", promotion_ids=["p1", "p2"]))
EVENTS = {
    "stock": stock(1, sku="A", location="berlin"),
    "shortfall": stock(2, sku="A")._replace(type="inventory.stock_level.shortfall"),
    "reservation": named("inventory.reservation.created", "inventory", "r", 3)._replace(
        data=RESERVATION.SerializeToString()
    ),
    "sku": named("inventory.sku.changed", "inventory", "A", 4),
    "drift": named("inventory.audit.drift_found", "inventory", "A@berlin", 5),
    "order": named("order.order.placed", "order", "o1", 6),
    "promotion": named("promo.promotion.changed", "promo", "p1", 7),
    "redemption": named("promo.redemption.created", "promo", "d", 8)._replace(data=REDEMPTION.SerializeToString()),
    "unheard-of": named("promo.customer.changed", "promo", "c1", 9),
}


def of(*ids: str) -> frozenset[str]:
    return frozenset(ids)


def pushed(event: Event) -> Pushed:
    return Pushed(event, 0, {}, TYPES)


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (Filter(), set(EVENTS)),
        (Filter(topics=of("stock")), {"stock"}),
        (Filter(topics=of("alerts")), {"shortfall", "drift"}),
        (Filter(topics=of("promotions", "orders")), {"order", "promotion", "redemption"}),
        (Filter(types=("inventory.*",)), {"stock", "shortfall", "reservation", "sku", "drift"}),
        (Filter(types=("inventory.sku.changed", "order.order.*")), {"sku", "order"}),
        (
            Filter(topics=of("stock", "alerts", "reservations", "skus"), skus=of("A")),
            {"stock", "shortfall", "reservation", "sku"},
        ),
        (Filter(topics=of("stock", "reservations"), skus=of("B", "C")), {"reservation"}),
        (Filter(topics=of("stock", "reservations", "skus"), locations=of("berlin")), {"stock", "reservation", "sku"}),
        (Filter(topics=of("stock"), skus=of("A"), locations=of("paris")), set()),
        (asked(Filter(skus=of("A"))), {"stock"}),
        (asked(Filter(locations=of("berlin"))), {"stock"}),
        (asked(Filter(orders=of("o1"))), {"order"}),
        (asked(Filter(orders=of("o2"))), set()),
        (asked(Filter(promotions=of("p2"))), {"redemption"}),
        (asked(Filter(skus=of("A"), orders=of("o1"))), {"stock", "order"}),
        (asked(Filter(skus=of("A"), types=("inventory.reservation.*",))), {"reservation"}),
    ],
)
async def test_a_filter_takes_what_it_says_and_the_index_finds_exactly_that(wanted: Filter, names: set[str]) -> None:
    assert {name for name, event in EVENTS.items() if wanted.takes(pushed(event))} == names
    index, subscriber, other = Index(), Subscriber("websocket", wanted), Subscriber("sse", Filter(skus=of("Z")))
    index.add(other)
    index.add(subscriber)
    found = {name: [one for one in index.takers(pushed(event)) if one is subscriber] for name, event in EVENTS.items()}
    assert {name: len(takers) for name, takers in found.items() if takers} == dict.fromkeys(names, 1)
    index.remove(subscriber)
    assert not any(subscriber in index.takers(pushed(event)) for event in EVENTS.values())


async def test_an_event_is_not_read_for_filters_that_it_does_not_concern() -> None:
    index = Index()
    index.add(Subscriber("websocket", asked(Filter(skus=of("A", "B")))))
    index.add(Subscriber("websocket", asked(Filter(orders=of("o1")))))
    event = pushed(stock(1, sku="Z"))
    assert list(index.takers(event)) == []
    assert "data" not in event.__dict__
    assert "json" not in event.__dict__


TICKET = Grant(of("stock", "orders"), skus=of("A", "B"))


@pytest.mark.parametrize(
    ("grant", "wanted", "outcome"),
    [
        (Grant(), Filter(), Filter()),
        (TICKET, Filter(), Filter(of("stock", "orders"), skus=of("A", "B"))),
        (TICKET, Filter(skus=of("A")), Filter(of("stock"), skus=of("A"))),
        (TICKET, Filter(topics=of("orders")), Filter(of("orders"), skus=of("A", "B"))),
        (TICKET, Filter(types=("*",)), Filter(of("stock", "orders"), types=("*",), skus=of("A", "B"))),
        (TICKET, Filter(skus=of("A", "C")), "skus"),
        (TICKET, Filter(topics=of("stock", "alerts")), "alerts"),
        (TICKET, Filter(promotions=of("p")), "promotions"),
        (Grant(of("orders"), orders=of("o1")), Filter(orders=of("o2")), "orders"),
        (Grant(of("stock")), Filter(skus=of("Z")), Filter(of("stock"), skus=of("Z"))),
    ],
)
def test_a_grant_fills_what_a_filter_leaves_open_and_refuses_what_goes_beyond(
    grant: Grant, wanted: Filter, outcome: Filter | str
) -> None:
    if isinstance(outcome, Filter):
        assert grant.narrow(wanted) == outcome
        return
    with pytest.raises(ScopeMissing) as refused:
        grant.narrow(wanted)
    assert refused.value.scope == outcome


async def test_no_level_that_is_older_than_the_snapshot_comes_after_it() -> None:
    subscriber = Subscriber("websocket", Filter(skus=of("A")))
    subscriber.hold()
    subscriber.offer(pushed(stock(1, version=4)))
    subscriber.offer(pushed(stock(2, version=6)))
    subscriber.show({("A", "berlin"): 5}, Control("snapshot", {}))
    subscriber.offer(pushed(stock(3, version=7)))
    first, second = await subscriber.take(), await subscriber.take()
    assert isinstance(first, Control)
    assert isinstance(second, list)
    assert [one.level for one in second] == [(("A", "berlin"), 6), (("A", "berlin"), 7)]
    assert subscriber.versions == {}, "nothing is compared any more once a newer level came"


async def test_answers_that_nobody_reads_are_bounded_too() -> None:
    subscriber = Subscriber("websocket", Filter())
    for number in range(MOST_WAITING + 1):
        assert not subscriber.ended.done()
        subscriber.say(Control("pong", {"ping": number}))
    assert subscriber.ended.result() is TOO_SLOW


def test_types_of_later_releases_belong_to_no_topic() -> None:
    assert topic_of("promo.customer.changed") == "other"
    assert topic_of("order.audit.mismatch_found") == "alerts"


def test_a_refusal_names_the_sku_as_it_was_written() -> None:
    with pytest.raises(Problem) as refused:
        allowed(
            Grant(frozenset({"stock"}), frozenset({"A"})),
            Filter(topics=frozenset({"stock"}), skus=frozenset({"SERUM-30"})),
        )
    assert "SERUM-30" in refused.value.detail
    assert refused.value.detail[0].isupper()
