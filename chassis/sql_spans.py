"""Makes each SQL statement of a traced request a span, named by the statement's beginning; parameters are never told."""

from __future__ import annotations

from typing import Any

import psycopg

from chassis import tracing

NAME_CHARACTERS = 60
"""Enough to know a statement again."""


class TracedCursor(psycopg.AsyncCursor[Any]):
    """A cursor that tells of what it executes, where the request is traced."""

    async def execute(self, query: Any, params: Any = None, **how: Any) -> Any:
        """As psycopg's."""
        if not tracing.tracing_here():
            return await super().execute(query, params, **how)
        with tracing.span(f"sql {' '.join(str(query).split())[:NAME_CHARACTERS]}"):
            return await super().execute(query, params, **how)


def arguments() -> dict[str, Any]:
    """What to connect with: nothing where the process does not trace."""
    return {"cursor_factory": TracedCursor} if tracing.active() else {}
