"""Ids that channels choose: ids that look the same are the same, and invisible characters are refused."""

from __future__ import annotations

import pytest

from chassis import bounds_check, ids
from chassis.errors import ServiceError
from gen.order.v1.order_pb2 import Customer


@pytest.mark.parametrize("id", ["", "ann", "Ann", "ann smith", "ann@example.com", "安", "0001", "ann😀", "a" * 100])
def test_an_id_stays_as_it_is(id: str) -> None:
    bounds_check.check(Customer(id=id))
    assert ids.outside(id) == id


def test_an_id_is_kept_in_its_composed_form() -> None:
    assert ids.outside("rene\u0301") == "ren\u00e9"


@pytest.mark.parametrize(
    "id",
    [
        " ann",
        "ann ",
        "ann\u00a0",
        "\u3000ann",
        " ",
        "a\u200bnn",
        "a\u200dnn",
        "\ufeffann",
        "a\u00adnn",
        "a\u202enn",
        "a\u2060nn",
        "a\tnn",
        "a\nnn",
        "a\u0085nn",
        "a\x7fnn",
        "a\u2028nn",
        "a\u034fnn",
        "a\u3164nn",
        "ann\ufe0f",
        "ann\U000e0101",
        "a" * 101,
    ],
)
def test_what_cannot_be_seen_is_refused_with_its_path(id: str) -> None:
    with pytest.raises(ServiceError) as raised:
        bounds_check.check(Customer(id=id))
    assert (raised.value.reason, raised.value.metadata) == ("FIELD_INVALID", {"field": "id"})
