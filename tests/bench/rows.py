"""The table's rows: the server, the calls, and how many are in flight."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.bench import messages, shop
from tests.bench.load import Load
from tests.bench.messages import BATCH
from tests.stack import Stack

RESERVE = "/inventory.v1.ReservationService/ReserveStock"
BATCH_RESERVE = "/inventory.v1.ReservationService/BatchReserveStock"
COMMIT = "/inventory.v1.ReservationService/CommitReservation"
GET = "/inventory.v1.StockService/GetStock"
BATCH_GET = "/inventory.v1.StockService/BatchGetStock"
PLACE = "/order.v1.OrderService/PlaceOrder"
HALVES = {"reserve_hot_half": "reserve_hot"}
"""Rows whose calls are started by the clock, at half the rate that the other row reached in the same round."""
CEILING, OURS, INSTEAD = "ceilings", "one-stock", "instead of it"


@dataclass(frozen=True, slots=True)
class Row:
    """`in_flight` is summed over all clients, 0 if the clock starts the calls; one call is `per_call` operations."""

    name: str
    group: str
    what: str
    load: Load
    in_flight: int = 128
    per_call: int = 1


def every(
    stack: Stack,
    alternatives: Mapping[str, str],
    skus: list[str],
    gate: Callable[[], Load],
    journal: Callable[[], Load],
) -> list[Row]:
    """All rows, in the table's order; `alternatives` are addresses by name."""
    return [*_ceilings(alternatives, gate(), journal()), *_ours(stack, skus), *_instead(alternatives, skus)]


def names() -> tuple[str, ...]:
    """Names in the table's order."""
    return (
        *(
            "echo",
            "echo_queued",
            "evalsha_raw",
            "group_commit_raw",
            "reserve_hot",
            "reserve_hot_half",
            "reserve_spread",
            "reserve_basket3",
            "batch_reserve",
        ),
        *("replay", "sold_out", "commit", "place_order_grpc", "place_order_rest", "get_stock", "batch_get_stock"),
        *("sql_for_update", "sql_guarded_update", "sql_guarded_update_spread", "sql_guarded_same_promises"),
        *("sql_skip_locked", "redis_decr"),
    )


def _ceilings(alternatives: Mapping[str, str], gate: Load, journal: Load) -> list[Row]:
    template = messages.reserve([shop.HOT])
    echo, queued = (Load("grpc", alternatives[name], RESERVE, template) for name in ("echo", "echo_queued"))
    return [
        Row("echo", CEILING, "a call that does nothing, as grpc.aio takes calls", echo),
        Row("echo_queued", CEILING, "the same, as this server takes busy methods' calls", queued),
        Row("evalsha_raw", CEILING, f"reserve.lua alone, {BATCH} a script", gate, 2, BATCH),
        Row("group_commit_raw", CEILING, f"journal_reserve alone, {BATCH} a transaction", journal, 2, BATCH),
    ]


def _ours(stack: Stack, skus: list[str]) -> list[Row]:
    inventory, order = stack.address("inventory"), stack.address("order")
    hot = [shop.HOT]

    def grpc(method: str, templates: tuple[bytes, ...]) -> Load:
        return Load("grpc", inventory, method, templates)

    one_hot = grpc(RESERVE, messages.reserve(hot))
    batch = Load("grpc", inventory, BATCH_RESERVE, messages.reserve_batch(hot), judge=messages.all_reserved)
    replay = Load("grpc", inventory, RESERVE, messages.reserve_again(shop.HOT), calls_per_id=BATCH, before=batch)
    sold_out = Load("grpc", inventory, RESERVE, messages.reserve([shop.SOLD_OUT]), expected="FAILED_PRECONDITION")
    commit = Load("grpc", inventory, COMMIT, messages.commit_batch(), calls_per_id=BATCH, before=batch)
    place = Load("grpc", order, PLACE, messages.place_order(skus), judge=messages.confirmed)
    token = (str(stack.run["token"]),)
    post = Load("rest", stack.edge, "/v1/orders", messages.post_order(skus), "OK", token, messages.confirmed_json)
    return [
        Row("reserve_hot", OURS, "ReserveStock, one hot sku", one_hot),
        Row("reserve_hot_half", OURS, "the same, at half that rate", one_hot, 0),
        Row("reserve_spread", OURS, f"ReserveStock, {len(skus):,} skus", grpc(RESERVE, messages.reserve(skus))),
        Row("reserve_basket3", OURS, "ReserveStock, three lines", grpc(RESERVE, messages.reserve_baskets(skus))),
        Row("batch_reserve", OURS, f"BatchReserveStock of {BATCH}, one hot sku", batch, 16, BATCH),
        Row("replay", OURS, "ReserveStock, repeated", replay),
        Row("sold_out", OURS, "ReserveStock, refused", sold_out),
        Row("commit", OURS, "CommitReservation", commit),
        Row("place_order_grpc", OURS, "PlaceOrder, three lines, a code, paid", place, 64),
        Row("place_order_rest", OURS, "POST /v1/orders, the same", post, 64),
        Row("get_stock", OURS, "GetStock", grpc(GET, messages.get_stock(skus))),
        Row("batch_get_stock", OURS, "BatchGetStock of 100 skus", grpc(BATCH_GET, messages.batch_get_stock(skus)), 32),
    ]


def _instead(alternatives: Mapping[str, str], skus: list[str]) -> list[Row]:
    def reserve(name: str, chosen: list[str]) -> Load:
        return Load("grpc", alternatives[name], RESERVE, messages.reserve(chosen))

    hot = [shop.HOT]
    return [
        Row("sql_for_update", INSTEAD, "SELECT ... FOR UPDATE, one hot sku", reserve("for_update", hot)),
        Row("sql_guarded_update", INSTEAD, "guarded UPDATE, one hot sku", reserve("guarded_update", hot)),
        Row("sql_guarded_update_spread", INSTEAD, f"the same, {len(skus):,} skus", reserve("guarded_update", skus)),
        Row("sql_guarded_same_promises", INSTEAD, "journal_reserve for each call alone", reserve("same_promises", hot)),
        Row("sql_skip_locked", INSTEAD, "a row per unit, SKIP LOCKED, one hot sku", reserve("skip_locked", hot)),
        Row("redis_decr", INSTEAD, "DECRBY, one hot sku: NOT durable, no reservation", reserve("decr", hot)),
    ]
