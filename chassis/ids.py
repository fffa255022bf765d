"""Ids and fingerprints."""

from __future__ import annotations

import hashlib
import itertools
import re
import secrets
import unicodedata

_PROCESS = secrets.token_hex(8)
_numbers = itertools.count()

REQUEST_ID = re.compile(r"[A-Za-z0-9._:\-]{1,100}")
"""Ids appear in Redis keys, SQL and URLs, so their characters need no quoting in any of them."""


def outside(value: str) -> str:
    """A channel's id in Unicode normal form NFC, so that two encodings of the same text are one id. Case matters."""
    return value if value.isascii() else unicodedata.normalize("NFC", value)


def new_id(prefix: str) -> str:
    """A random id: the prefix and 26 characters, for example `req_4kq...`."""
    return f"{prefix}_{secrets.token_hex(13)}"


def log_id(prefix: str) -> str:
    """An id that is unique across processes, at a fraction of the cost; it can be guessed, so it is for logs only."""
    return f"{prefix}_{_PROCESS}{next(_numbers):x}"


def fingerprint(*parts: str | bytes) -> str:
    """32 hex characters that differ when any part differs; the length of each part is hashed too."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "big"))
        digest.update(raw)
    return digest.hexdigest()
