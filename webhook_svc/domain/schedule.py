"""The retry schedule of deliveries, the meaning of responses, and when an endpoint is disabled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum

from webhook_svc.domain.endpoint import DisabledReason, Health

PAUSES = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1_800, 2 * 3_600, 5 * 3_600, 10 * 3_600, 14 * 3_600, 20 * 3_600, 20 * 3_600)
)
"""Pauses after the first try, the second, and so on: ten tries in about 72 hours, as Standard Webhooks recommends."""
MOST_TRIES = len(PAUSES) + 1
JITTER = 0.1
"""Each pause is up to a tenth shorter or longer, so that deliveries that failed together are not retried together."""
GIVEN_UP_AFTER = timedelta(hours=72)
"""An endpoint with only failures for this long is disabled."""
MOST_RETRY_AFTER = timedelta(hours=24)
"""A receiver may ask for a longer pause than the schedule's, but not for an endless one."""
MOST_REST = timedelta(minutes=5)
"""An overloaded endpoint that does not ask for a time is paused for this long at most."""
GONE = 410
OVERLOADED = frozenset({429, 502, 503, 504})


class Verdict(Enum):
    """The consequence of one attempt for its delivery."""

    SUCCEEDED = "SUCCEEDED"
    RETRY = "RETRY"
    GIVEN_UP = "GIVEN_UP"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The consequences of one attempt. `rest` is the pause of the whole endpoint; `missed` means that nothing could be sent,
    which does not affect the endpoint's health."""

    verdict: Verdict
    pause: timedelta = timedelta()
    rest: timedelta | None = None
    gone: bool = False
    missed: bool = False


def judge(status: int, retry_after: str, tries: int, now: datetime, luck: float) -> Outcome:
    """Classifies the response to try number `tries` (from 1); status 0 means no response, `luck` (0 to 1) is for the jitter."""
    if 200 <= status < 300:
        return Outcome(Verdict.SUCCEEDED)
    if status == GONE:
        return Outcome(Verdict.GIVEN_UP, gone=True)
    asked = asked_pause(retry_after, now)
    ours = pause_after(tries, luck)
    rest = (asked or min(ours, MOST_REST)) if status in OVERLOADED else None
    if tries >= MOST_TRIES:
        return Outcome(Verdict.GIVEN_UP, rest=rest)
    return Outcome(Verdict.RETRY, max(ours, asked or timedelta()), rest)


def pause_after(tries: int, luck: float) -> timedelta:
    """The pause after try number `tries`, from 1."""
    pause = PAUSES[min(tries, len(PAUSES)) - 1]
    return pause * (1 + JITTER * (2 * luck - 1))


def asked_pause(retry_after: str, now: datetime) -> timedelta | None:
    """The pause that Retry-After asks for, in seconds or as an HTTP date; None if it is missing or not understood."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        pause = timedelta(seconds=min(int(text[:9]), MOST_RETRY_AFTER.total_seconds()))
    else:
        try:
            until = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError):
            return None
        pause = (until if until.tzinfo else until.replace(tzinfo=UTC)) - now
    return min(pause, MOST_RETRY_AFTER) if pause > timedelta() else None


def health_after(health: Health, outcome: Outcome, at: datetime, given_up_after: timedelta = GIVEN_UP_AFTER) -> Health:
    """The health of the endpoint after an attempt that ended `at`."""
    if outcome.missed:
        return health
    if outcome.verdict is Verdict.SUCCEEDED:
        return health if health.failing_since is None else replace(health, failing_since=None)
    since = health.failing_since or at
    after = replace(health, failing_since=since)
    if outcome.rest is not None:
        until = at + outcome.rest
        after = replace(after, rest_until=max(until, health.rest_until or until))
    if not health.enabled:
        return after
    if outcome.gone:
        return replace(after, enabled=False, reason=DisabledReason.GONE, disable_time=at)
    if at - since >= given_up_after:
        return replace(after, enabled=False, reason=DisabledReason.FAILING, disable_time=at)
    return after
