"""Runs GraphQL queries that arrive over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.types.graphql import OperationType

from edge import problems
from edge.graphql.limits import OperationUnknown
from edge.graphql.schema import Context, schema


async def run(
    context: Context, query: str, variables: Mapping[str, Any] | None, operation_name: str | None
) -> dict[str, Any]:
    """The response's document. Problem 422 for an operation that is not a query; errors of a query are in `errors`."""
    try:
        result = await schema().execute(
            query,
            variable_values=None if variables is None else dict(variables),
            operation_name=operation_name,
            context_value=context,
            allowed_operation_types=(OperationType.QUERY,),
        )
    except InvalidOperationTypeError as other:
        raise problems.invalid_field("query", "must be a query; subscriptions need a WebSocket") from other
    for error in result.errors or ():
        if isinstance(error, OperationUnknown):
            raise problems.invalid_field("operationName", error.words) from error
    document: dict[str, Any] = {"data": result.data}
    if result.errors:
        document["errors"] = [error.formatted for error in result.errors]
    return document
