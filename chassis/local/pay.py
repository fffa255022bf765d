"""`make pay ORDER=ord_...`: acts as the customer's bank for a 3-D Secure order in the sandbox, by a signed webhook.

Reads run.json, which only the run's owner can read, since it holds the webhook's secret.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

import httpx

from chassis.local import config
from chassis.local.run_file import CannotRead, running

USAGE = "usage: make pay ORDER=ord_... [RESULT=authorized|declined]"
OUTCOMES = {"authorized": "payment.authorized", "declined": "payment.declined"}
WAITING = "ACTION_REQUIRED"
UNDER_WAY = ("AUTHORIZING", "AUTHORIZED", "CANCELLING")
"""States of an order that end by themselves once the outcome is known."""
CALL_S = 15.0
SETTLED_WITHIN_S = 10.0
LOOK_EVERY_S = 0.1


class CannotPay(Exception):
    """The payment is not possible; the text is one line that says why."""


async def report(run: dict[str, Any], order_id: str, result: str) -> str:
    """Sends the outcome to the edge; returns the order's state afterwards. CannotPay."""
    headers = {"Authorization": f"Bearer {run['token']}"}
    async with httpx.AsyncClient(base_url=run["edge"], headers=headers, timeout=CALL_S, trust_env=False) as client:
        try:
            order = await _order(client, order_id)
            payment = order["payment"]
            if payment["status"] != WAITING:
                raise CannotPay(
                    f"{order_id} is {order['state']} and its payment is {payment['status']}: only a payment that is "
                    f"{WAITING} waits for the bank; place an order with the token tok_3ds"
                )
            body = _event(result, payment["reference"])
            signed = _signed(run["webhook_secret"], f"evt_{payment['reference']}", body)
            answer = await client.post("/v1/webhooks/sandbox", content=body, headers=signed)
            if answer.status_code != httpx.codes.OK:
                raise CannotPay(f"the webhook was refused: {answer.status_code} {answer.text}")
            return await _settled(client, order_id)
        except httpx.HTTPError as error:
            raise CannotPay(f"the edge at {run['edge']} did not answer: {error!r}") from error


async def _order(client: httpx.AsyncClient, order_id: str) -> dict[str, Any]:
    answer = await client.get(f"/v1/orders/{order_id}")
    if answer.status_code != httpx.codes.OK:
        raise CannotPay(f"{order_id} cannot be read: {answer.json().get('detail', answer.text)}")
    found: dict[str, Any] = answer.json()
    return found


async def _settled(client: httpx.AsyncClient, order_id: str) -> str:
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while True:
        order = await _order(client, order_id)
        if order["state"] not in UNDER_WAY or time.monotonic() > deadline:
            return f"{order['state']}, payment {order['payment']['status']}"
        await asyncio.sleep(LOOK_EVERY_S)


def _event(result: str, reference: str) -> bytes:
    data = {"payment_reference": reference, "decline_code": "" if result == "authorized" else "3ds_failed"}
    return json.dumps({"type": OUTCOMES[result], "timestamp": datetime.now(UTC).isoformat(), "data": data}).encode()


def _signed(secret: str, event_id: str, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks; edge/webhooks/standard.py checks them."""
    sent, key = str(int(time.time())), base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, f"{event_id}.{sent}.".encode() + body, hashlib.sha256)
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": event_id, "webhook-timestamp": sent, "webhook-signature": signature}


def main() -> None:
    """`python -m chassis.local.pay ord_... [authorized|declined]`"""
    order_id, result = [*sys.argv[1:3], "", ""][:2]
    result = result or "authorized"
    if not order_id or "/" in order_id or result not in OUTCOMES:
        raise SystemExit(USAGE)
    try:
        state = asyncio.run(report(running(config.local_folder()), order_id, result))
    except (CannotRead, CannotPay) as error:
        raise SystemExit(f"pay: {error}") from None
    print(f"{order_id} is {state}")


if __name__ == "__main__":
    main()
