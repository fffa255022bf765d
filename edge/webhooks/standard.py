"""Standard Webhooks signatures of untrusted requests: keys, and the check. https://www.standardwebhooks.com

Own code because the reference library raises many kinds of exceptions for malformed input.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re

from chassis.config import ConfigError

ID = b"webhook-id"
TIMESTAMP = b"webhook-timestamp"
SIGNATURE = b"webhook-signature"
TOLERANCE_S = 300
"""The specification's recommendation: a larger one invites replays, a smaller one refuses slow clocks."""
KEY_BYTES = range(24, 65)
MOST_SIGNATURES = 16
"""A sender rotates between two keys; a list of thousands only wastes time."""
PREFIX = "whsec_"

ID_PATTERN = r"^[A-Za-z0-9_\-:]{1,100}$"
TIMESTAMP_PATTERN = r"^[0-9]{1,12}$"
_ID = re.compile(ID_PATTERN)
_TIMESTAMP = re.compile(TIMESTAMP_PATTERN)


class SignatureInvalid(Exception):
    """The message is not the sender's, or too old; the text gives the reason without helping a forger."""


def keys(secrets: str) -> tuple[bytes, ...]:
    """Keys from `whsec_...` texts separated by blanks: two while one replaces the other, none for an empty text."""
    return tuple(_key(secret) for secret in secrets.split())


def verify(
    signing_keys: tuple[bytes, ...],
    headers: dict[bytes, bytes],
    body: bytes,
    now: float,
    tolerance_s: int = TOLERANCE_S,
) -> str:
    """The message's id, if one signature matches. SignatureInvalid otherwise. Reads raw bytes only."""
    message_id = headers.get(ID, b"").decode("latin-1")
    timestamp = headers.get(TIMESTAMP, b"").decode("latin-1")
    if not _ID.fullmatch(message_id) or not _TIMESTAMP.fullmatch(timestamp):
        raise SignatureInvalid("webhook-id or webhook-timestamp is missing or malformed")
    if abs(now - int(timestamp)) > tolerance_s:
        raise SignatureInvalid("webhook-timestamp is too far from now")
    expected = [signature(key, message_id, timestamp, body) for key in signing_keys]
    fits = False
    for given in headers.get(SIGNATURE, b"").split(b" ")[:MOST_SIGNATURES]:
        for wanted in expected:
            # No early end: the time taken must not reveal which one matched.
            fits |= hmac.compare_digest(given, wanted)
    if not fits:
        raise SignatureInvalid("no signature matches the body")
    return message_id


def signature(key: bytes, message_id: str, timestamp: str, body: bytes) -> bytes:
    """`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`."""
    digest = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return b"v1," + base64.b64encode(digest)


def _key(secret: str) -> bytes:
    text = secret.removeprefix(PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as wrong:
        raise ConfigError("a webhook secret must be whsec_ followed by base64") from wrong
    if not secret.startswith(PREFIX) or len(key) not in KEY_BYTES:
        raise ConfigError("a webhook secret must be whsec_ followed by base64 of 24 to 64 bytes")
    return key
