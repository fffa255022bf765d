"""Removes secrets of earlier releases from the kept responses, so that a repeat does not show a secret again."""

from alembic import op
from sqlalchemy import text

revision = "0002"
down_revision = "0001"

SECRET = 2
"""The field's number in CreateWebhookEndpointResponse and RotateWebhookSecretResponse."""
LENGTH_DELIMITED = 2


def upgrade() -> None:
    connection = op.get_bind()
    methods = "('CreateWebhookEndpoint', 'RotateWebhookSecret')"
    kept = connection.execute(text(f"SELECT request_id, response FROM requests WHERE method IN {methods}")).all()
    for request_id, response in kept:
        values = {"response": without_secret(bytes(response or b"")), "request_id": request_id}
        connection.execute(text("UPDATE requests SET response = :response WHERE request_id = :request_id"), values)


def without_secret(message: bytes) -> bytes:
    """The message in protobuf's wire format without its field SECRET. Fields here are varints or length-delimited."""
    left, at = b"", 0
    while at < len(message):
        begin = at
        tag, at = _varint(message, at)
        value, at = _varint(message, at)
        at += value if tag & 7 == LENGTH_DELIMITED else 0
        left += message[begin:at] if tag >> 3 != SECRET else b""
    return left


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def downgrade() -> None:
    raise NotImplementedError("released migrations go forward only")
