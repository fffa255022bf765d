"""Decides whether the outcome of a call is a finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2

from chassis.errors import DETAILS_KEY, DOMAIN
from chassis.server import MESSAGE_BYTES
from tests.fuzz.rpc.methods import Method
from tests.fuzz.rpc.values import Pool
from tests.house import tree
from tests.house.test_reasons import ENTRY

OUR_BUG = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DATA_LOSS, grpc.StatusCode.UNIMPLEMENTED}
OUR_BUG_NUMBERS = {code.value[0] for code in OUR_BUG}
FIELD_REASONS = {"FIELD_REQUIRED", "FIELD_INVALID"}
OWN_RACE = "Internal error from Core"
"""The error that grpc's client makes of a write to a call that the server has just ended; no server sends it."""
MOST_HARVEST = 5
"""Entries of a list that are searched for real values."""


@dataclass(frozen=True)
class Asked:
    """One call as it was made."""

    number: int
    method: Method
    raw: bytes
    timeout_s: float
    impatient: bool
    """Its deadline is shorter than an answer takes, or it was cancelled."""


def reasons() -> set[str]:
    """Returns every reason that the protos document."""
    return {name for path in tree.files("error_reason.proto") for _, name in ENTRY.findall(tree.text(path))}


class Judge:
    """Knows the documented errors; adds real values from answers to the pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._reasons = reasons()

    def answered(self, asked: Asked, raw: bytes) -> str | None:
        """Returns the error in an answer, or None."""
        try:
            message = GetMessageClass(asked.method.response).FromString(raw)
        except DecodeError:
            return "the answer is not a message of its type"
        for result in getattr(message, "results", ()):
            if result.code in OUR_BUG_NUMBERS:
                return f"a result has code {result.code}, {result.reason}"
        if asked.method.ours:
            self._harvest(message, 0)
        return None

    def refused(self, asked: Asked, error: grpc.aio.AioRpcError) -> str | None:
        """Returns what makes an error a finding, or None."""
        code = error.code()
        if asked.method.streams_requests and error.details() == OWN_RACE:
            return None
        if asked.impatient and code in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED):
            return None
        if code in OUR_BUG or code in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED):
            return f"{code.name}: {error.details()}"
        if len(asked.raw) > MESSAGE_BYTES and code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return None  # grpc refuses it before any code of the product runs
        if not asked.method.ours and code is grpc.StatusCode.NOT_FOUND:
            return None  # the health protocol's own status
        return self._details(code, error)

    def _details(self, code: grpc.StatusCode, error: grpc.aio.AioRpcError) -> str | None:
        raw = dict(error.trailing_metadata() or ()).get(DETAILS_KEY)
        if not isinstance(raw, bytes):
            return f"{code.name} without details: {error.details()}"
        status = status_pb2.Status.FromString(raw)
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        for detail in status.details:
            detail.Unpack(info)
            detail.Unpack(bad)
        if info.domain != DOMAIN or info.reason not in self._reasons:
            return f"{code.name} with the undocumented reason {info.reason!r}"
        if info.reason in FIELD_REASONS and not bad.field_violations:
            return f"{info.reason} names no field"
        return None

    def _harvest(self, message: Any, depth: int) -> None:
        """Stores a message's values by field name."""
        for field, value in message.ListFields():
            if field.is_repeated:
                for one in list(value)[:MOST_HARVEST] if not _is_map(field) else ():
                    self._one(field, one, depth)
            else:
                self._one(field, value, depth)

    def _one(self, field: FieldDescriptor, value: Any, depth: int) -> None:
        if field.message_type is None:
            if isinstance(value, str) and value:
                self._pool.add("page_token" if field.name == "next_page_token" else field.name, value)
        elif depth < 4 and not field.message_type.full_name.startswith("google."):
            self._harvest(value, depth + 1)


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry
