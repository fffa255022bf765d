"""Errors as GraphQL says them: the reasons of REST's problems under `extensions`, and nothing of what went wrong inside."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from graphql import GraphQLError

from chassis.errors import ServiceError
from edge import problems
from edge.problems import Problem

Found = TypeVar("Found")


def of_problem(problem: Problem) -> GraphQLError:
    """`reason`, `status` as HTTP would have it, and what the reason is about."""
    extensions = {"reason": problem.reason, "status": problem.status, "metadata": dict(problem.metadata or {})}
    return GraphQLError(problem.detail, extensions=extensions)


async def answered(work: Awaitable[Found]) -> Found:
    """What was asked for; GraphQLError for what was refused."""
    try:
        return await work
    except ServiceError as refused:
        problem = problems.from_service_error(refused, False, lambda path: path)
        raise of_problem(problem) from None
    except Problem as refused_here:
        raise of_problem(refused_here) from None


def is_ours(error: GraphQLError) -> bool:
    """Whether it may be shown: said by us, or by GraphQL about the query itself."""
    return error.original_error is None or isinstance(error.original_error, GraphQLError)
