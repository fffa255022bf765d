"""Makes each SQL statement of a traced request a span, named after the statement's beginning; parameters are left out."""

from __future__ import annotations

from typing import Any

import psycopg

from chassis import tracing

NAME_CHARACTERS = 60
"""Enough to recognize a statement."""


class TracedCursor(psycopg.AsyncCursor[Any]):
    """A cursor that adds a span for each statement when the request is traced."""

    async def execute(self, query: Any, params: Any = None, **how: Any) -> Any:
        """Executes a statement as psycopg does."""
        if not tracing.tracing_here():
            return await super().execute(query, params, **how)
        with tracing.span(f"sql {' '.join(str(query).split())[:NAME_CHARACTERS]}"):
            return await super().execute(query, params, **how)


def arguments() -> dict[str, Any]:
    """Arguments for a connection; none when the process does not trace."""
    return {"cursor_factory": TracedCursor} if tracing.active() else {}
