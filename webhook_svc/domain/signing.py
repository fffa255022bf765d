"""Standard Webhooks, the sender's side: ids, secrets, signatures. https://www.standardwebhooks.com"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable

PREFIX = "whsec_"
KEY_BYTES = 32


def new_secret() -> str:
    """`whsec_` and the base64 of 32 random bytes."""
    return PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """The bytes that sign."""
    return base64.b64decode(secret.removeprefix(PREFIX))


def webhook_id(endpoint_id: str, event_id: str) -> str:
    """The receiver's idempotency key: always the same for one event at one endpoint, and without a dot."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (endpoint_id, event_id):
        digest.update(len(part.encode()).to_bytes(4, "big"))
        digest.update(part.encode())
    return f"msg_{digest.hexdigest()}"


def signature_header(keys: Iterable[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,<base64>` per key, separated by spaces: HMAC-SHA256 over `id.timestamp.body`."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join("v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys)
