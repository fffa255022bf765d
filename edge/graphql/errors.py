"""GraphQL errors: the reasons of REST's problems under `extensions`, without internal details."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from graphql import GraphQLError

from chassis.errors import ServiceError
from edge import problems
from edge.problems import Problem

Found = TypeVar("Found")


def of_problem(problem: Problem) -> GraphQLError:
    """The error for a problem, with its `reason`, its HTTP `status` and its `metadata`."""
    extensions = {"reason": problem.reason, "status": problem.status, "metadata": dict(problem.metadata or {})}
    return GraphQLError(problem.detail, extensions=extensions)


async def answered(work: Awaitable[Found]) -> Found:
    """The result of the work. GraphQLError for a refusal."""
    try:
        return await work
    except ServiceError as refused:
        problem = problems.from_service_error(refused, False, lambda path: path)
        raise of_problem(problem) from None
    except Problem as refused_here:
        raise of_problem(refused_here) from None


def is_ours(error: GraphQLError) -> bool:
    """Whether clients may see it: raised by the edge, or by graphql-core about the query itself."""
    return error.original_error is None or isinstance(error.original_error, GraphQLError)
