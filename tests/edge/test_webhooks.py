"""The sandbox provider's webhook: only genuine messages of the provider, only once, only recent ones."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest
from grpc import StatusCode

from chassis.config import ConfigError
from chassis.errors import ServiceError
from edge.webhooks import standard
from gen.order.v1.order_service_pb2 import RecordPaymentEventRequest, RecordPaymentEventResponse
from tests.edge.conftest import WEBHOOK_SECRET
from tests.edge.far_side import FarSide

PATH = "/v1/webhooks/sandbox"
KEYS = standard.keys(WEBHOOK_SECRET)
GOLDEN_BODY = b'{"test": 2432232314}'
GOLDEN_TIME = 1614265330
GOLDEN = {
    standard.ID: b"msg_p5jXN8AQM9LWM0D4loKWxJek",
    standard.TIMESTAMP: str(GOLDEN_TIME).encode(),
    standard.SIGNATURE: b"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
EVENT = {
    "type": "payment.authorized",
    "timestamp": "2026-11-20T10:03:17Z",
    "data": {"payment_reference": "pay_1", "amount_minor": 2599},
}


def signed(body: bytes, message_id: str = "msg_1", age_s: int = 0) -> dict[str, str]:
    timestamp = str(int(time.time()) - age_s)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": standard.signature(KEYS[0], message_id, timestamp, body).decode(),
    }


async def deliver(client: httpx.AsyncClient, event: Any, message_id: str = "msg_1", age_s: int = 0) -> httpx.Response:
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return await client.post(PATH, content=body, headers=signed(body, message_id, age_s))


def test_the_golden_vector_of_the_specification_verifies() -> None:
    assert standard.verify(KEYS, GOLDEN, GOLDEN_BODY, GOLDEN_TIME) == "msg_p5jXN8AQM9LWM0D4loKWxJek"


@pytest.mark.parametrize("away_s", [-300, 300])
def test_five_minutes_either_way_are_tolerated(away_s: int) -> None:
    standard.verify(KEYS, GOLDEN, GOLDEN_BODY, GOLDEN_TIME + away_s)
    with pytest.raises(standard.SignatureInvalid):
        standard.verify(KEYS, GOLDEN, GOLDEN_BODY, GOLDEN_TIME + away_s + (1 if away_s > 0 else -1))


@pytest.mark.parametrize(
    "signature",
    [
        b"v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        b"v1a,xyz v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1,BBBB",
    ],
)
def test_one_fitting_signature_among_several_is_enough(signature: bytes) -> None:
    standard.verify(KEYS, GOLDEN | {standard.SIGNATURE: signature}, GOLDEN_BODY, GOLDEN_TIME)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (standard.SIGNATURE, b""),
        (standard.SIGNATURE, b"v1,"),
        (standard.SIGNATURE, b"g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        (standard.SIGNATURE, b"v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        (standard.SIGNATURE, b"v1,\xff\xfe"),
        (standard.ID, b""),
        (standard.ID, b"msg_other"),
        (standard.ID, b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330"),
        (standard.TIMESTAMP, b""),
        (standard.TIMESTAMP, b"1614265331"),
        (standard.TIMESTAMP, b"-1614265330"),
        (standard.TIMESTAMP, b"1614265330.0"),
        (standard.TIMESTAMP, b"\xb2"),
        (standard.TIMESTAMP, b"9" * 400),
    ],
)
def test_what_does_not_fit_is_refused(name: bytes, value: bytes) -> None:
    with pytest.raises(standard.SignatureInvalid):
        standard.verify(KEYS, GOLDEN | {name: value}, GOLDEN_BODY, GOLDEN_TIME)


def test_another_body_or_no_key_does_not_fit() -> None:
    with pytest.raises(standard.SignatureInvalid):
        standard.verify(KEYS, GOLDEN, b'{"test":2432232314}', GOLDEN_TIME)
    with pytest.raises(standard.SignatureInvalid):
        standard.verify((), GOLDEN, GOLDEN_BODY, GOLDEN_TIME)


def test_two_secrets_count_while_one_replaces_the_other() -> None:
    both = standard.keys(f"whsec_{'QUJD' * 8} {WEBHOOK_SECRET}")
    assert len(both) == 2
    standard.verify(both, GOLDEN, GOLDEN_BODY, GOLDEN_TIME)
    assert standard.keys("") == ()


@pytest.mark.parametrize("secret", ["secret", "whsec_", "whsec_QUJD", "whsec_!!!!", "QUJD" * 8, "whsec_" + "QUJD" * 22])
def test_a_secret_that_is_none_stops_the_start(secret: str) -> None:
    with pytest.raises(ConfigError):
        standard.keys(secret)


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("payment.authorized", RecordPaymentEventRequest.OUTCOME_AUTHORIZED),
        ("payment.declined", RecordPaymentEventRequest.OUTCOME_DECLINED),
    ],
)
async def test_an_outcome_is_recorded_under_the_webhooks_id(
    anonymous: httpx.AsyncClient, far_side: FarSide, kind: str, outcome: int
) -> None:
    event = {**EVENT, "type": kind, "data": {"payment_reference": "pay_1", "decline_code": "card_declined"}}
    answer = await deliver(anonymous, event, "msg_7")
    assert (answer.status_code, answer.json()) == (200, {"status": "recorded"})
    request = far_side.last.request
    assert (request.event_id, request.provider, request.payment_reference) == ("msg_7", "sandbox", "pay_1")
    assert (request.outcome, request.decline_code) == (outcome, "card_declined")


async def test_a_repeated_event_is_answered_as_a_replay(anonymous: httpx.AsyncClient, far_side: FarSide) -> None:
    far_side.answers("RecordPaymentEvent", RecordPaymentEventResponse(replayed=True))
    answer = await deliver(anonymous, EVENT)
    assert (answer.status_code, answer.headers["idempotency-replayed"]) == (200, "true")


async def test_a_type_that_means_nothing_to_us_is_taken_and_ignored(
    anonymous: httpx.AsyncClient, far_side: FarSide
) -> None:
    answer = await deliver(anonymous, {"type": "payout.paid", "data": []})
    assert (answer.status_code, answer.json()) == (200, {"status": "ignored"})
    assert not far_side.calls


async def test_an_unknown_payment_is_404(anonymous: httpx.AsyncClient, far_side: FarSide) -> None:
    unknown = ServiceError(StatusCode.NOT_FOUND, "PAYMENT_NOT_FOUND", "unknown", {"payment_reference": "pay_1"})
    far_side.answers("RecordPaymentEvent", unknown)
    answer = await deliver(anonymous, EVENT)
    assert (answer.status_code, answer.json()["reason"]) == (404, "PAYMENT_NOT_FOUND")


async def test_a_forged_or_old_event_is_401_and_not_even_parsed(
    anonymous: httpx.AsyncClient, far_side: FarSide
) -> None:
    body = json.dumps(EVENT).encode()
    forged = await anonymous.post(PATH, content=body + b" ", headers=signed(body))
    old = await deliver(anonymous, EVENT, age_s=301)
    bare = await anonymous.post(PATH, content=b"not json")
    for answer in (forged, old, bare):
        assert (answer.status_code, answer.json()["reason"]) == (401, "SIGNATURE_INVALID")
        assert "www-authenticate" in answer.headers
    assert not far_side.calls


@pytest.mark.parametrize(
    ("event", "status", "field"),
    [
        (b"{", 400, None),
        (b"\xff\xfe", 400, None),
        ({}, 422, "type"),
        ({"type": 7}, 422, "type"),
        ({"type": "payment.declined"}, 422, "data"),
        ({"type": "payment.declined", "data": {}}, 422, "data.payment_reference"),
        ({"type": "payment.declined", "data": {"payment_reference": 7}}, 422, "data.payment_reference"),
    ],
)
async def test_a_signed_event_in_the_wrong_form_is_refused(
    anonymous: httpx.AsyncClient, far_side: FarSide, event: Any, status: int, field: str | None
) -> None:
    answer = await deliver(anonymous, event)
    assert answer.status_code == status
    if field is not None:
        assert answer.json()["errors"][0]["field"] == field
    assert not far_side.calls


async def test_a_webhook_over_one_megabyte_is_413(anonymous: httpx.AsyncClient, far_side: FarSide) -> None:
    answer = await deliver(anonymous, b" " * (1024 * 1024 + 1))
    assert (answer.status_code, answer.json()["reason"]) == (413, "BODY_TOO_LARGE")
