"""The error of the local runner: it says in one line why it cannot start."""

from __future__ import annotations


class CannotStart(Exception):
    """The message is one line with the cause and the remedy."""
