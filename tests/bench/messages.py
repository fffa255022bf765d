"""The rows' messages, serialized once: each call only inserts its own id into one of them."""

from __future__ import annotations

import random
from collections.abc import Sequence

import orjson

from gen.inventory.v1 import reservation_service_pb2 as reservation_pb
from gen.inventory.v1 import stock_service_pb2 as stock_pb
from gen.order.v1 import order_pb2
from gen.order.v1 import order_service_pb2 as order_pb
from tests.bench.load import ALL_WELL, ID
from tests.bench.shop import CODE

TTL_S = 86_400
"""No reservation expires during a measurement."""
BASKETS = 2_000
READS = 200
BATCH = 100
_chance = random.Random(7)  # the same baskets in every run


def reserve(skus: Sequence[str]) -> tuple[bytes, ...]:
    """One line of one unit, of each sku in turn."""
    return tuple(_reserve(ID, [sku]).SerializeToString() for sku in skus)


def reserve_baskets(skus: Sequence[str]) -> tuple[bytes, ...]:
    """Three lines of different skus."""
    return tuple(_reserve(ID, basket).SerializeToString() for basket in _baskets(skus, 3))


def reserve_batch(skus: Sequence[str]) -> tuple[bytes, ...]:
    """BATCH requests of one line each; their ids differ in the end."""
    requests = [
        [_reserve(f"{ID}-{index:02}", [sku]) for index, sku in enumerate(_chance.choices(skus, k=BATCH))]
        for _ in range(min(len(skus), READS))
    ]
    return tuple(reservation_pb.BatchReserveStockRequest(requests=each).SerializeToString() for each in requests)


def reserve_again(sku: str) -> tuple[bytes, ...]:
    """The single requests of a batch that `reserve_batch` made of that sku alone."""
    return tuple(_reserve(f"{ID}-{index:02}", [sku]).SerializeToString() for index in range(BATCH))


def commit_batch() -> tuple[bytes, ...]:
    """Commits the reservations of `reserve_batch`."""
    ids = [f"{ID}-{index:02}" for index in range(BATCH)]
    return tuple(reservation_pb.CommitReservationRequest(reservation_id=each).SerializeToString() for each in ids)


def get_stock(skus: Sequence[str]) -> tuple[bytes, ...]:
    """Each sku in turn."""
    return tuple(stock_pb.GetStockRequest(sku=sku).SerializeToString() for sku in skus)


def batch_get_stock(skus: Sequence[str]) -> tuple[bytes, ...]:
    """BATCH skus in one call."""
    chosen = _baskets(skus, min(BATCH, len(skus)), READS)
    return tuple(stock_pb.BatchGetStockRequest(skus=each).SerializeToString() for each in chosen)


def place_order(skus: Sequence[str]) -> tuple[bytes, ...]:
    """Three lines, one code, paid with the sandbox."""
    return tuple(
        order_pb.PlaceOrderRequest(
            request_id=ID,
            lines=[order_pb.PlaceOrderLine(sku=sku, quantity=1) for sku in basket],
            customer=order_pb2.Customer(id=f"c{ID}", email="buyer@example.com"),
            codes=[CODE],
            currency="EUR",
            channel="web",
            payment=order_pb.PaymentMethod(provider="sandbox", token="tok_ok"),
        ).SerializeToString()
        for basket in _baskets(skus, 3)
    )


def post_order(skus: Sequence[str]) -> tuple[bytes, ...]:
    """The same over REST: the idempotency key, a line end, the body."""
    bodies = [
        {
            "lines": [{"sku": sku, "quantity": 1} for sku in basket],
            "customer": {"id": f"c{ID}", "email": "buyer@example.com"},
            "codes": [CODE],
            "currency": "EUR",
            "channel": "web",
            "payment": {"provider": "sandbox", "token": "tok_ok"},
        }
        for basket in _baskets(skus, 3)
    ]
    return tuple(f"{ID}\n".encode() + orjson.dumps(body) for body in bodies)


def all_reserved(answer: bytes) -> str:
    """Judges a BatchReserveStock: OK if each of its requests is acknowledged."""
    results = reservation_pb.BatchReserveStockResponse.FromString(answer).results
    return next((result.reason for result in results if result.code), ALL_WELL)


def confirmed(answer: bytes) -> str:
    """Judges a PlaceOrder."""
    state = order_pb.PlaceOrderResponse.FromString(answer).order.state
    return ALL_WELL if state == order_pb2.Order.STATE_CONFIRMED else order_pb2.Order.State.Name(state)


def confirmed_json(answer: bytes) -> str:
    """Judges a POST of an order."""
    state = str(orjson.loads(answer)["state"])
    return ALL_WELL if state == "CONFIRMED" else state


def _reserve(request_id: str, skus: Sequence[str]) -> reservation_pb.ReserveStockRequest:
    lines = [reservation_pb.ReserveLine(sku=sku, quantity=1) for sku in skus]
    return reservation_pb.ReserveStockRequest(request_id=request_id, lines=lines, ttl_seconds=TTL_S)


def _baskets(skus: Sequence[str], size: int, number: int = BASKETS) -> list[list[str]]:
    return [_chance.sample(skus, size) for _ in range(number)]
