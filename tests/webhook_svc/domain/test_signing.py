"""Signatures, compared with the specification's own example and with its reference library."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import standardwebhooks

from webhook_svc.domain import signing

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_example_of_the_specification_comes_out() -> None:
    assert signing.signature_header([signing.key_of(SECRET)], ID, TIMESTAMP, BODY) == SIGNATURE


def test_the_reference_library_takes_what_we_sign_and_nothing_else() -> None:
    secret, now = signing.new_secret(), int(datetime.now(UTC).timestamp())
    old = signing.key_of(signing.new_secret())
    signature = signing.signature_header([signing.key_of(secret), old], ID, now, BODY)
    headers = {"webhook-id": ID, "webhook-timestamp": str(now), "webhook-signature": signature}
    assert standardwebhooks.Webhook(secret).verify(BODY, headers) == {"test": 2432232314}
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(secret).verify(BODY + b" ", headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(signing.new_secret()).verify(BODY, headers)


def test_a_secret_has_32_random_bytes() -> None:
    one, other = signing.new_secret(), signing.new_secret()
    assert one != other
    assert one.startswith("whsec_")
    assert len(signing.key_of(one)) == 32


def test_a_webhook_id_is_the_same_for_one_event_at_one_endpoint_and_has_no_dot() -> None:
    assert signing.webhook_id("whe_1", "order-7") == signing.webhook_id("whe_1", "order-7")
    others = {
        signing.webhook_id(endpoint, event) for endpoint, event in [("e", "1"), ("e1", ""), ("e", "2"), ("", "e1")]
    }
    assert len(others) == 4
    assert all("." not in one and one.startswith("msg_") for one in others)
