"""Page tokens: their content, and the refused ones."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest

from chassis import config, context, pagination
from chassis.config import ConfigError
from chassis.errors import ServiceError

QUERY = "orders of c-1"
AT = datetime(2026, 11, 20, 10, 3, tzinfo=UTC)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A key for this file."""
    monkeypatch.setenv("PAGE_TOKEN_KEY", "k" * config.KEY_CHARACTERS)
    pagination._key.cache_clear()
    yield
    pagination._key.cache_clear()


def _refused(token: str, *kinds: Any, query: str = QUERY) -> None:
    with pytest.raises(ServiceError) as caught:
        pagination.after(query, token, *kinds)
    assert (caught.value.reason, caught.value.metadata) == ("PAGE_TOKEN_INVALID", {"field": "page_token"})


def _signed(body: bytes) -> str:
    """A token with a valid signature, whatever its content."""
    return base64.urlsafe_b64encode(pagination._signature(QUERY, body) + body).decode().rstrip("=")


def test_a_token_brings_back_the_key_it_was_made_of() -> None:
    for last, kinds in ((["a", 7], (str, int)), ([AT, "ord_1"], (datetime, str)), ([""], (str,))):
        token = pagination.token(QUERY, last)  # type: ignore[arg-type]
        assert pagination.after(QUERY, token, *kinds) == tuple(last)


def test_an_instant_keeps_its_microseconds_whatever_its_zone_was() -> None:
    at = AT.replace(microsecond=123_456).astimezone(timezone(timedelta(hours=14)))
    assert pagination.after(QUERY, pagination.token(QUERY, [at]), datetime) == (at,)


def test_the_first_page_has_no_token() -> None:
    assert pagination.after(QUERY, "", str) is None


def test_a_token_fits_its_own_query_only() -> None:
    _refused(pagination.token("orders of c-2", ["a"]), str)


def test_a_token_fits_its_own_caller_only() -> None:
    context.caller.set("till-1")
    token = pagination.token(QUERY, ["a"])
    assert pagination.after(QUERY, token, str) == ("a",)
    context.caller.set("till-2")
    _refused(token, str)
    context.caller.set("")


def test_a_token_signed_with_another_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    token = pagination.token(QUERY, ["a"])
    monkeypatch.setenv("PAGE_TOKEN_KEY", "K" * config.KEY_CHARACTERS)
    pagination._key.cache_clear()
    _refused(token, str)


@pytest.mark.parametrize("at", range(0, 30, 3))
def test_a_token_with_any_character_changed_is_refused(at: int) -> None:
    token = pagination.token(QUERY, ["some-sku", 1])
    _refused(token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :], str, int)


@pytest.mark.parametrize(
    "token",
    ["x", "=", "!", "\0", "é" * 30, "A" * 5000, "-_" * 40, "\ud800", base64.urlsafe_b64encode(b'["m",["a"]]').decode()],
)
def test_a_forged_token_is_refused(token: str) -> None:
    _refused(token, str)


@pytest.mark.parametrize(
    ("holds", "kinds"),
    [
        ([], (str,)),
        (["a", "b"], (str,)),
        ({"a": 1}, (str,)),
        ([1], (str,)),
        (["1"], (int,)),
        ([True], (int,)),
        ([2**63], (int,)),
        ([1.5], (int,)),
        (["a\0"], (str,)),
        ([None], (str,)),
        (["never"], (datetime,)),
        (["2026-11-20T10:00:00"], (datetime,)),
        (["0001-01-01T00:00:00+14:00"], (datetime,)),
        ([7], (datetime,)),
    ],
)
def test_a_signed_token_whose_key_is_of_another_shape_is_refused(holds: Any, kinds: Any) -> None:
    _refused(_signed(orjson.dumps(holds)), *kinds)


def test_a_signed_token_that_is_no_json_is_refused() -> None:
    _refused(_signed(b"{"), str)


@pytest.mark.parametrize("secret", [None, "", "short"])
def test_a_missing_or_short_key_is_one_line_for_the_person_who_starts_it(
    monkeypatch: pytest.MonkeyPatch, secret: str | None
) -> None:
    monkeypatch.delenv("PAGE_TOKEN_KEY")
    if secret is not None:
        monkeypatch.setenv("PAGE_TOKEN_KEY", secret)
    with pytest.raises(ConfigError, match=r"PAGE_TOKEN_KEY must be a secret of at least 32 characters"):
        config.page_token_key()
