"""Structured logs: one line per fact, JSON unless a person watches, each with the request's id."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from chassis import config, context


def _with_request_id(_logger: Any, _method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    if request_id := context.request_id.get():
        event["request_id"] = request_id
    return event


def configure(process: str) -> None:
    """Call once, first thing in a process."""
    watched = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _with_request_id,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer() if watched else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, config.log_level().upper())),
        # Line and end in one write: workers share the descriptor, and print() would mix their lines.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)


def logger() -> Any:
    """A logger: `log.info("thing.happened", number=1)`."""
    return structlog.get_logger()
