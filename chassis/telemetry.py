"""Structured logs: one line per fact, JSON except on a terminal, each with the request id and the trace id."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from chassis import config, context, tracing

CALLER_LEFT = "ExecuteBatchError raised in core"
"""grpcio logs this, with a traceback, when a caller cancels just as its answer is sent. That is not an error."""


def add_ids(_logger: Any, _method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Adds the request id and the trace id to a line."""
    if request_id := context.request_id.get():
        event["request_id"] = request_id
    if trace_id := tracing.trace_id():
        event["trace_id"] = trace_id
    return event


def configure(process: str) -> None:
    """Sets up the log. Call it once, before anything else in a process."""
    watched = sys.stderr.isatty()
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    root.handlers = [_Libraries()]

    worker = config.worker_number()

    def with_process(_logger: Any, _method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
        event["process"] = process
        if worker is not None:
            event["worker"] = worker
        return event

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            with_process,
            add_ids,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            _for_people() if watched else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, config.log_level().upper())),
        # Line and end in one write: workers share the descriptor, and print() would mix their lines.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


class _Libraries(logging.Handler):
    """Turns the records of libraries into lines of this log's form."""

    def emit(self, record: logging.LogRecord) -> None:
        if CALLER_LEFT in record.getMessage():
            logger().debug("rpc.caller_left", library=record.name)
            return
        logger().log(record.levelno, "library.logged", library=record.name, text=self.format(record))


def _for_people() -> structlog.dev.ConsoleRenderer:
    # Plain: the default shows local variables in tracebacks, which may hold a customer's data.
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)


def logger() -> Any:
    """A logger: `log.info("thing.happened", number=1)`."""
    return structlog.get_logger()
