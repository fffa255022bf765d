"""Merging basket lines."""

from __future__ import annotations

from inventory_svc.domain.lines import BasketLine, canonical, merge


def test_lines_of_one_sku_and_the_same_locations_become_one_at_the_first_place() -> None:
    merged = merge([BasketLine(0, "a", 1), BasketLine(1, "b", 1), BasketLine(2, "a", 2)])
    assert [(line.index, line.sku, line.quantity) for line in merged] == [(0, "a", 3), (1, "b", 1)]


def test_lines_with_other_locations_stay_apart() -> None:
    assert len(merge([BasketLine(0, "a", 1), BasketLine(1, "a", 1, ("berlin",))])) == 2


def test_the_canonical_text_does_not_depend_on_the_order_of_lines() -> None:
    first, second = BasketLine(0, "a", 1), BasketLine(1, "b", 2)
    assert canonical([first, second], "o") == canonical([second, first], "o")


def test_the_canonical_text_depends_on_all_else() -> None:
    texts = {
        canonical([BasketLine(0, "a", 1)], "o"),
        canonical([BasketLine(0, "a", 2)], "o"),
        canonical([BasketLine(0, "b", 1)], "o"),
        canonical([BasketLine(0, "a", 1, ("berlin",))], "o"),
        canonical([BasketLine(0, "a", 1, (), True)], "o"),
        canonical([BasketLine(0, "a", 1)], "p"),
    }
    assert len(texts) == 6
