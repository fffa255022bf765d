"""Log lines of libraries get the product's format; irrelevant ones are left out."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from chassis import telemetry


@pytest.fixture
def library() -> Iterator[logging.Logger]:
    """A library's logger with the product's handler, as in a configured process."""
    one = logging.getLogger("a.library")
    handler = telemetry._Libraries()
    one.addHandler(handler)
    one.propagate = False
    yield one
    one.removeHandler(handler)


def test_what_a_library_says_is_a_line_with_its_name(library: logging.Logger) -> None:
    with capture_logs() as lines:
        library.error("the disk is %s", "full")
    assert lines == [
        {"event": "library.logged", "library": "a.library", "text": "the disk is full", "log_level": "error"}
    ]


def test_a_caller_that_leaves_in_the_moment_of_its_answer_is_no_error(library: logging.Logger) -> None:
    with capture_logs() as lines:
        library.error("ExecuteBatchError raised in core by servicer method [/a.B/C]", exc_info=ValueError("batch"))
    assert [(line["event"], line["log_level"]) for line in lines] == [("rpc.caller_left", "debug")]
