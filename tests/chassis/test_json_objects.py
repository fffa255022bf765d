"""Free JSON objects: NUL is found at any position, and nothing else is mistaken for it."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct

from chassis import json_objects


@pytest.mark.parametrize(
    ("value", "holds_nul"),
    [
        ("a\0b", True),
        ("\\\0", True),
        ("\\\\\0", True),
        (["deep", {"inner": "\0"}], True),
        ({"\0": 1}, True),
        ("\\u0000", False),
        ("\\\\u0000", False),
        ({"\\u0000": "C:\\u0000"}, False),
        ("u0000", False),
    ],
)
def test_a_nul_is_refused_and_the_text_of_its_escape_is_not(value: Any, holds_nul: bool) -> None:
    message = Struct()
    message.update({"value": value})
    assert bool(json_objects.problem(message, 1_000, 8)) is holds_nul
