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
"""Ids end up in Redis keys, SQL and URLs: characters that need no quoting anywhere."""


def outside(value: str) -> str:
    """An id that a channel chose, in Unicode's normal form NFC, so that two spellings of one text are one id. Case matters."""
    return value if value.isascii() else unicodedata.normalize("NFC", value)


def new_id(prefix: str) -> str:
    """A random id of 26 characters and the prefix, for example `req_4kq...`."""
    return f"{prefix}_{secrets.token_hex(13)}"


def log_id(prefix: str) -> str:
    """An id that no other process makes, at a fraction of the cost; it can be guessed, so it is for logs only."""
    return f"{prefix}_{_PROCESS}{next(_numbers):x}"


def fingerprint(*parts: str | bytes) -> str:
    """32 hex characters that differ when any part differs; parts cannot run into each other."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "big"))
        digest.update(raw)
    return digest.hexdigest()
