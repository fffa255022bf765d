"""The customer's bank: reports 3-D Secure outcomes like the sandbox provider, with a signed webhook."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from datetime import UTC, datetime

import orjson

from tests.demo.shop import Reply, Shop

PATH = "/v1/webhooks/sandbox"


class Bank:
    """Signs with the secret that `make run` generated."""

    def __init__(self, shop: Shop, secret: str) -> None:
        self._shop = shop
        self._key = base64.b64decode(secret.removeprefix("whsec_"))

    async def report(self, payment_reference: str, *, authorized: bool) -> Reply:
        """Reports the outcome of one payment; a repeat has the same webhook-id."""
        event_id = f"evt_{payment_reference}"
        body = orjson.dumps(
            {
                "type": "payment.authorized" if authorized else "payment.declined",
                "timestamp": datetime.now(UTC).isoformat(),
                "data": {"payment_reference": payment_reference, "decline_code": "" if authorized else "3ds_failed"},
            }
        )
        sent = str(int(time.time()))
        signature = self.sign(event_id, sent, body)
        headers = {"webhook-id": event_id, "webhook-timestamp": sent, "webhook-signature": signature}
        return await self._shop.post_signed(PATH, body, headers)

    def sign(self, event_id: str, sent: str, body: bytes) -> str:
        """The webhook-signature of one body, as specified by Standard Webhooks."""
        mac = hmac.new(self._key, f"{event_id}.{sent}.".encode() + body, hashlib.sha256)
        return f"v1,{base64.b64encode(mac.digest()).decode()}"
