"""Checks of single fields, used by every api/convert.py; each raises INVALID_ARGUMENT with the field's path."""

from __future__ import annotations

import re
from datetime import date

from chassis import errors, ids, money

REQUEST_ID_PATH = "request_id"
DEFAULT_PAGE = 50
"""The page size when the caller sets none."""


def request_id(value: str) -> str:
    """Checks for 1 to 100 characters of A-Z a-z 0-9 . _ : -"""
    return pattern(REQUEST_ID_PATH, value, ids.REQUEST_ID, "must be 1 to 100 characters of A-Z a-z 0-9 . _ : -")


def present(path: str, value: str) -> str:
    """Checks that the value is not empty."""
    if not value:
        raise errors.required(path)
    return value


def pattern(path: str, value: str, allowed: re.Pattern[str], description: str) -> str:
    """Checks that the value is not empty and matches the pattern as a whole."""
    if not allowed.fullmatch(present(path, value)):
        raise errors.invalid(path, "FIELD_INVALID", description)
    return value


def at_most(path: str, value: str, characters: int) -> str:
    """Checks the length of a text, which may be empty, and that it has no NUL, which Postgres cannot store."""
    if len(value) > characters:
        raise errors.invalid(path, "FIELD_INVALID", f"must have at most {characters} characters")
    if "\x00" in value:
        raise errors.invalid(path, "FIELD_INVALID", "must not contain NUL")
    return value


def whole(path: str, value: int, least: int, most: int) -> int:
    """Checks that a whole number is from `least` to `most`."""
    if not least <= value <= most:
        raise errors.invalid(path, "FIELD_INVALID", f"must be from {least} to {most}, not {value}")
    return value


def count(path: str, number: int, least: int, most: int) -> None:
    """Checks the length of a list."""
    if number == 0 and least > 0:
        raise errors.required(path)
    if not least <= number <= most:
        raise errors.invalid(path, "FIELD_INVALID", f"must have {least} to {most} entries, not {number}")


def currency(path: str, value: str) -> str:
    """Checks for a currency that ISO 4217 lists today."""
    if not money.is_currency(present(path, value)):
        raise errors.invalid(path, "FIELD_INVALID", "must be the ISO 4217 code of a currency, such as EUR")
    return value


def calendar_date(path: str, value: str) -> date | None:
    """Reads an ISO 8601 calendar date; an empty value is None."""
    if not value:
        return None
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        raise errors.invalid(path, "FIELD_INVALID", "must be a date such as 2027-01-31")
    try:
        return date.fromisoformat(value)
    except ValueError as wrong:
        raise errors.invalid(path, "FIELD_INVALID", f"is not a date: {wrong}") from wrong


def page_size(value: int) -> int:
    """Checks for a page size from 1 to 500; 0 means 50."""
    return whole("page_size", value, 0, 500) or 50
