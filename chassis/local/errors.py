"""The one error of the local runner: why it cannot start, in one line for a person."""

from __future__ import annotations


class CannotStart(Exception):  # noqa: N818 - it reads as a sentence, and it is what the person is told
    """Its message is one line that says what is in the way and how to move it."""
