"""The effect of each answer, and the time of the next try of a delivery."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from webhook_svc.domain import schedule
from webhook_svc.domain.endpoint import DisabledReason, Health
from webhook_svc.domain.schedule import MOST_TRIES, Outcome, Verdict

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
SECONDS = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 72_000]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_success(status: int) -> None:
    assert schedule.judge(status, "", 1, NOW, 0.5) == Outcome(Verdict.SUCCEEDED)


@pytest.mark.parametrize("status", [0, 199, 300, 301, 302, 304, 307, 308, 400, 401, 404, 409, 422, 500, 501])
def test_everything_else_is_tried_again(status: int) -> None:
    outcome = schedule.judge(status, "", 1, NOW, 0.5)
    assert (outcome.verdict, outcome.pause, outcome.rest) == (Verdict.RETRY, timedelta(seconds=5), None)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_an_overloaded_receiver_is_left_alone(status: int) -> None:
    assert schedule.judge(status, "", 1, NOW, 0.5).rest == timedelta(seconds=5)
    assert schedule.judge(status, "", 4, NOW, 0.5).rest == timedelta(minutes=5), "at most five minutes"
    asked = schedule.judge(status, "3600", 1, NOW, 0.5)
    assert (asked.rest, asked.pause) == (timedelta(hours=1), timedelta(hours=1))


def test_410_is_final() -> None:
    assert schedule.judge(410, "", 1, NOW, 0.5) == Outcome(Verdict.GIVEN_UP, gone=True)


@pytest.mark.parametrize("tries", range(1, MOST_TRIES))
def test_the_pauses_are_those_of_the_schedule_give_or_take_a_tenth(tries: int) -> None:
    seconds = SECONDS[tries - 1]
    pauses = [schedule.judge(500, "", tries, NOW, luck).pause.total_seconds() for luck in (0.0, 0.25, 0.5, 1.0)]
    assert pauses == pytest.approx([0.9 * seconds, 0.95 * seconds, seconds, 1.1 * seconds])


def test_the_tenth_try_is_the_last_and_comes_within_about_72_hours() -> None:
    assert MOST_TRIES == 10
    assert schedule.judge(500, "", 9, NOW, 0.5).verdict is Verdict.RETRY
    assert schedule.judge(500, "", 10, NOW, 0.5).verdict is Verdict.GIVEN_UP
    assert timedelta(hours=71) < sum(schedule.PAUSES, timedelta()) < timedelta(hours=72)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", None),
        ("120", 120),
        (" 120 ", 120),
        ("0", None),
        ("-5", None),
        ("1.5", None),
        ("99999999999999999999", 86_400),
        ("Sat, 21 Nov 2026 10:02:00 GMT", 120),
        ("Sat, 21 Nov 2026 09:00:00 GMT", None),
        ("Mon, 21 Nov 2033 10:00:00 GMT", 86_400),
        ("Sat, 21 Nov 2026 11:02:00 +0100", 120),
        ("soon", None),
        ("²", None),
        ("Sat, 99 Nov 2026 99:99:99 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date_of_at_most_a_day(text: str, seconds: int | None) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert schedule.asked_pause(text, NOW) == expected


def test_a_shorter_retry_after_does_not_shorten_our_pause() -> None:
    assert schedule.judge(500, "1", 2, NOW, 0.5).pause == timedelta(minutes=5)


def test_an_endpoint_fails_since_its_first_failure_until_it_succeeds() -> None:
    failed, worked = Outcome(Verdict.RETRY), Outcome(Verdict.SUCCEEDED)
    once = schedule.health_after(Health(), failed, NOW)
    twice = schedule.health_after(once, failed, NOW + timedelta(hours=1))
    assert once.failing_since == twice.failing_since == NOW
    assert schedule.health_after(twice, worked, NOW) == Health()
    assert schedule.health_after(Health(), worked, NOW) == Health()


def test_an_endpoint_that_only_failed_for_72_hours_is_disabled_and_not_a_second_earlier() -> None:
    failing = Health(failing_since=NOW)
    almost = NOW + timedelta(hours=72) - timedelta(seconds=1)
    assert schedule.health_after(failing, Outcome(Verdict.RETRY), almost).enabled
    at = NOW + timedelta(hours=72)
    after = schedule.health_after(failing, Outcome(Verdict.RETRY), at)
    assert (after.enabled, after.reason, after.disable_time) == (False, DisabledReason.FAILING, at)


def test_a_later_failure_does_not_rename_why_it_was_disabled() -> None:
    gone = schedule.health_after(Health(), Outcome(Verdict.GIVEN_UP, gone=True), NOW)
    assert (gone.reason, gone.disable_time) == (DisabledReason.GONE, NOW)
    later = schedule.health_after(gone, Outcome(Verdict.RETRY), NOW + timedelta(days=9))
    assert (later.reason, later.disable_time) == (DisabledReason.GONE, NOW)


def test_a_rest_is_never_cut_short_by_a_shorter_one() -> None:
    long = schedule.health_after(Health(), Outcome(Verdict.RETRY, rest=timedelta(hours=1)), NOW)
    short = schedule.health_after(long, Outcome(Verdict.RETRY, rest=timedelta(seconds=5)), NOW)
    assert short.rest_until == NOW + timedelta(hours=1)
    assert not short.accepts(NOW + timedelta(minutes=59))
    assert short.accepts(NOW + timedelta(hours=1))
    assert not replace(short, enabled=False).accepts(NOW + timedelta(hours=2))
