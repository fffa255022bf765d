"""The one error of the local runner: why it cannot start, in one line for a person."""

from __future__ import annotations


class CannotStart(Exception):
    """Its message is one line that says what is in the way and how to move it."""
