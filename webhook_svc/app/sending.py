"""One attempt: sign, post, classify the response."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from chassis import metrics, telemetry
from webhook_svc.app.directory import Directory, Target
from webhook_svc.clients.receiver import Answer, Receiver, SendFailed
from webhook_svc.domain import schedule, signing
from webhook_svc.domain.delivery import Tried, Work
from webhook_svc.domain.schedule import Outcome, Verdict

log = telemetry.logger()

FORGOTTEN = Outcome(Verdict.GIVEN_UP, missed=True)
"""The outcome of a delivery whose event was deleted while it waited at a disabled endpoint or after a late replay."""

DELIVERIES = metrics.counter(
    "webhook_deliveries_total", "Attempts by what became of them: SUCCEEDED, RETRY or GIVEN_UP", "outcome"
)
SECONDS = metrics.histogram("webhook_attempt_seconds", "From a request to its answer, or to no answer")
AGE = metrics.histogram("webhook_receipt_seconds", "From an event to the receiver's 2xx, at the first try")


class Sending:
    """Makes attempts. It updates the endpoint's health in the directory at once."""

    def __init__(
        self,
        directory: Directory,
        receiver: Receiver,
        now: Callable[[], datetime],
        given_up_after: timedelta = schedule.GIVEN_UP_AFTER,
        luck: Callable[[], float] = random.random,
    ) -> None:
        self._directory = directory
        self._receiver = receiver
        self._now = now
        self._given_up_after = given_up_after
        self._luck = luck

    async def send(self, work: Work, target: Target) -> Tried:
        """Makes one attempt and returns its outcome."""
        start, began = self._now(), time.perf_counter()
        if not work.body:
            return Tried(work, FORGOTTEN, start, start, error="the event is no longer kept")
        error = ""
        try:
            answer = await self._receiver.post(
                target.endpoint.wishes.url, work.body, self._headers(work, target, start)
            )
        except SendFailed as failed:
            answer, error = Answer(0, "", ""), str(failed)
        except Exception as bug:  # a bug in this service; the receiver's other deliveries and the schedule continue
            log.exception("sending.failed", delivery_id=work.delivery_id, error=repr(bug))
            answer, error = Answer(0, "", ""), "internal error"
        seconds, end = time.perf_counter() - began, self._now()
        outcome = schedule.judge(answer.status, answer.retry_after, work.tries + 1, end, self._luck())
        succeeded = outcome.verdict is Verdict.SUCCEEDED
        self._directory.note(work.endpoint_id, schedule.health_after(target.health, outcome, end, self._given_up_after))
        DELIVERIES.of(outcome.verdict.value).value += 1
        SECONDS.observe(seconds)
        if succeeded and not work.tries:
            AGE.observe(max(0.0, (end - work.event_time).total_seconds()))
        return Tried(
            work=work,
            outcome=outcome,
            start_time=start,
            end_time=end,
            duration_ms=int(seconds * 1000),
            status=answer.status,
            error=error or ("" if succeeded else f"the receiver returned {answer.status}"),
            answer="" if succeeded else answer.text,
        )

    def _headers(self, work: Work, target: Target, at: datetime) -> dict[str, str]:
        message_id, timestamp = signing.webhook_id(work.endpoint_id, work.event_id), int(at.timestamp())
        return {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signing.signature_header(target.keys(at), message_id, timestamp, work.body),
        }
