"""The bounds of fields that the protos declare (`common/v1/bounds.proto`). `bounds_check.py` checks requests against them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from chassis import money, visible_text
from gen.common.v1 import bounds_pb2

STRUCT, MASK, TIMESTAMP = "google.protobuf.Struct", "google.protobuf.FieldMask", "google.protobuf.Timestamp"


@dataclass(frozen=True)
class Form:
    """A rule for characters: a regular expression for a whole text, and the message for a text that does not match."""

    pattern: str
    words: str
    length_apart: bool = False
    """The message does not mention the length."""


BLANKS = r"\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
"""White space and control characters, listed in full: JSON Schema, Python and Rust differ about `\\s`."""
TEXT = Form(r"[^\u0000]*", "must not contain NUL", length_apart=True)
PAGE_TOKEN = Form(r"[A-Za-z0-9_-]*", "is not a page token of this query")
FORMS = {
    "FORMAT_UNSPECIFIED": TEXT,
    "FORMAT_ID": Form(r"[A-Za-z0-9._:-]+", "must be {least} to {most} characters of A-Z a-z 0-9 . _ : -"),
    "FORMAT_SKU": Form(
        r"[A-Za-z0-9][A-Za-z0-9._/-]*",
        "must be {least} to {most} characters of A-Z a-z 0-9 . _ - /, starting with a letter or digit",
    ),
    "FORMAT_LOCATION": Form(
        r"[a-z][a-z0-9-]*", "must be {least} to {most} characters of a-z 0-9 -, starting with a letter"
    ),
    "FORMAT_LOT": Form(r"[A-Za-z0-9._/ -]*", "must have at most {most} characters of A-Z a-z 0-9 . _ - / and space"),
    "FORMAT_CURRENCY": Form("|".join(money.CODES), "must be the ISO 4217 code of a currency, such as EUR"),
    "FORMAT_COUNTRY": Form(r"[A-Z]{2}", "must be an ISO 3166-1 code such as DE"),
    "FORMAT_EMAIL": Form(rf"[^@{BLANKS}]+@[^@{BLANKS}]+", "must be an e-mail address", length_apart=True),
    "FORMAT_DATE": Form(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "must be a date such as 2027-01-31"),
    "FORMAT_PROMOTION_ID": Form(r"[A-Za-z0-9._-]+", "must be {least} to {most} characters of A-Z a-z 0-9 . _ -"),
    "FORMAT_ENDPOINT_ID": Form(r"whe_[0-9a-f]{26}", "must be an endpoint's id: whe_ and 26 hex digits"),
    "FORMAT_DELIVERY_ID": Form(r"[1-9][0-9]*", "must be a delivery's id: a whole number above 0"),
    "FORMAT_EVENT_TYPES": Form(
        r"\*|[a-z_]+(\.[a-z_]+)*(\.\*)?",
        "must be an event type, a prefix of one followed by .*, or *",
        length_apart=True,
    ),
    "FORMAT_PAGE_TOKEN": PAGE_TOKEN,
    "FORMAT_CODE": Form(r"[\u0001-\u007f]*", "must contain only ASCII characters", length_apart=True),
    "FORMAT_CUSTOMER_ID": Form(
        visible_text.pattern(),
        "must not begin or end with white space, or contain control or invisible characters",
        length_apart=True,
    ),
}


@dataclass(frozen=True)
class Bounds:
    """The limits of a field; None where the proto sets none. In a repeated field the lengths, the pattern and the numbers
    apply to each entry."""

    min_length: int | None = None
    max_length: int | None = None
    minimum: int | None = None
    maximum: int | None = None
    min_items: int | None = None
    max_items: int | None = None
    required: bool = False
    max_bytes: int | None = None
    max_depth: int | None = None
    each_alone: bool = False
    form: Form | None = None

    @cached_property
    def pattern(self) -> str | None:
        """A regular expression that the whole text matches, in syntax that JSON Schema and Python share."""
        return None if self.form is None else f"^(?:{self.form.pattern})$"


def of(message: str, field: str) -> Bounds:
    """The bounds of a message's field, such as `of("inventory.v1.GetStockRequest", "sku")`.

    KeyError when there is no such field, or when its module has not been imported.
    """
    descriptor: Descriptor = descriptor_pool.Default().FindMessageTypeByName(message)
    return declared(descriptor.fields_by_name[field])


@cache
def declared(field: FieldDescriptor) -> Bounds:
    """The bounds that the proto declares for this field."""
    said = field.GetOptions().Extensions[bounds_pb2.bounds]
    text = field.cpp_type == FieldDescriptor.CPPTYPE_STRING or is_a(field, MASK)
    return Bounds(
        min_length=max(said.min_length, 1 if said.required else 0) or None,
        max_length=said.max_length or None,
        minimum=said.minimum if said.HasField("minimum") else None,
        maximum=said.maximum if said.HasField("maximum") else None,
        min_items=said.min_items or None,
        max_items=said.max_items or None,
        required=said.required,
        max_bytes=said.max_bytes or None,
        max_depth=said.max_depth or None,
        each_alone=said.each_alone,
        form=FORMS[bounds_pb2.Bounds.Format.Name(said.format)] if text else None,
    )


def is_a(field: FieldDescriptor, *kinds: str) -> bool:
    """Whether the field holds messages of these types."""
    return field.message_type is not None and field.message_type.full_name in kinds
