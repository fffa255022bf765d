"""The schema: queries require full access; subscriptions also accept tickets."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import strawberry
from graphql import GraphQLError
from pydantic import ValidationError
from strawberry.extensions import MaskErrors
from strawberry.extensions.runner import SchemaExtensionsRunner
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext, Info
from strawberry.types.execution import PreExecutionError

from edge import problems
from edge.graphql import limits, types
from edge.graphql.connection import Connection
from edge.graphql.errors import answered, is_ours, of_problem
from edge.graphql.reads import Reads
from edge.graphql.source import Source
from edge.problems import Problem
from edge.push import asking
from edge.push.door import Push
from edge.push.visitor import Visitor
from edge.schemas.orders import OrderQuery
from edge.schemas.streams import StreamQuery

log = logging.getLogger("edge.graphql")


@dataclass
class Context:
    """The dependencies of resolvers. `live` is the WebSocket of the operation; None for a query over HTTP."""

    push: Push
    reads: Reads
    visitor: Visitor
    live: Connection | None = None

    @property
    def connection(self) -> Connection:
        """The WebSocket of a subscription."""
        if self.live is None:
            raise RuntimeError("subscriptions need a WebSocket")
        return self.live

    def everything(self) -> Reads:
        """The reads, which require full access. GraphQLError for a ticket."""
        if self.visitor.grant.topics is None:
            return self.reads
        problem = Problem(
            403,
            "SCOPE_MISSING",
            "Queries require the API token; a ticket allows only subscriptions.",
            {"scope": "query"},
        )
        raise of_problem(problem)


Asked = Info[Context, None]


@strawberry.type
class Query:
    @strawberry.field(description="Stock of one sku in all locations")
    async def stock(self, info: Asked, sku: str) -> types.Stock | None:
        return await answered(info.context.everything().stock(sku))

    @strawberry.field(description="Stock of up to 500 skus, in the order given; null for a sku that does not exist")
    async def stocks(self, info: Asked, skus: list[str]) -> list[types.Stock | None]:
        return await answered(info.context.everything().stocks(skus))

    @strawberry.field(description="One order")
    async def order(self, info: Asked, id: strawberry.ID) -> types.Order | None:
        return await answered(info.context.everything().order(str(id)))

    @strawberry.field(description="One page of orders, newest first; pageSize is 1 to 500, 0 means 50")
    async def orders(
        self, info: Asked, status: str | None = None, customer: str = "", page_size: int = 0, page_token: str = ""
    ) -> types.OrderPage:
        reads = info.context.everything()
        asked = {"status": status, "customer": customer, "page_size": page_size, "page_token": page_token}
        return await answered(reads.orders(_valid(OrderQuery, asked)))

    @strawberry.field(description="Promotions that are active now, including those that require a code")
    async def offers(self, info: Asked) -> list[types.Promotion]:
        return await answered(info.context.everything().offers(datetime.now(UTC)))


@strawberry.type
class Subscription:
    @strawberry.subscription(
        description="Stock levels as they change; `after` is the resume token of a change, from any live stream"
    )
    async def stock_changed(
        self,
        info: Asked,
        skus: list[str] | None = None,
        locations: list[str] | None = None,
        after: str = "",
    ) -> AsyncGenerator[types.StockChange]:
        wanted = {"topics": ["stock"], "skus": skus, "locations": locations, "after": after}
        async with _source(info, wanted) as source:
            async for pushed, token in source:
                data = pushed.data or {}
                level = types.level(data["level"])
                position = types.Whole(pushed.event.position)
                yield types.StockChange(level=level, cause=data["cause"], position=position, token=token)

    @strawberry.subscription(description="Orders as their state changes")
    async def order_changed(
        self, info: Asked, orders: list[str] | None = None, after: str = ""
    ) -> AsyncGenerator[types.OrderChange]:
        async with _source(info, {"topics": ["orders"], "orders": orders, "after": after}) as source:
            async for pushed, token in source:
                data = pushed.data or {}
                before = data["previous_state"].removeprefix("STATE_")
                order, position = types.order(data["order"]), types.Whole(pushed.event.position)
                yield types.OrderChange(order=order, previous_state=before, position=position, token=token)

    @strawberry.subscription(description="Promotions as they are created or changed")
    async def promotion_changed(
        self, info: Asked, promotions: list[str] | None = None, after: str = ""
    ) -> AsyncGenerator[types.PromotionChange]:
        wanted = {"topics": ["promotions"], "types": ["promo.promotion.*"], "promotions": promotions, "after": after}
        async with _source(info, wanted) as source:
            async for pushed, token in source:
                promotion = types.promotion((pushed.data or {})["promotion"])
                position = types.Whole(pushed.event.position)
                yield types.PromotionChange(promotion=promotion, position=position, token=token)


@asynccontextmanager
async def _source(info: Asked, wanted: dict[str, Any]) -> AsyncIterator[Source]:
    asked = _valid(StreamQuery, wanted)
    context = info.context
    subscriber = await answered(context.push.admit("graphql", asking.to_filter(asked), context.visitor, asked.after))
    source = Source(context.push.hub, subscriber, bool(asked.after), context.connection)
    try:
        yield source
    finally:
        await source.close()


def _valid(model: Any, given: dict[str, Any]) -> Any:
    """Validates arguments by the same rules as REST."""
    try:
        return model.model_validate(given)
    except ValidationError as wrong:
        raise of_problem(problems.from_validation(wrong.errors(include_url=False, include_context=False))) from None


class BoundedSchema(strawberry.Schema):
    """Limits the cost of a document, and logs internal errors, but not the errors of callers."""

    async def _prepare_operation_async(
        self, context: ExecutionContext, extensions_runner: SchemaExtensionsRunner
    ) -> PreExecutionError | None:
        """Prepares operations over HTTP and WebSocket: parses and validates them here, so that both are bounded."""
        everything = context.context.visitor.grant.topics is None
        try:
            context.graphql_document = limits.admitted(
                context.query or "", context.variables, context.operation_name, everything
            )
        except GraphQLError as error:
            return _refused(context, [error])
        context.validation_rules = ()
        refused = await super()._prepare_operation_async(context, extensions_runner)
        if refused is not None:
            return refused
        found = limits.violations(self._schema, context.graphql_document)
        return _refused(context, found) if found else None

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        del execution_context
        for error in errors:
            if not is_ours(error):
                log.error("graphql: %s", error, exc_info=error.original_error)


def _refused(context: ExecutionContext, errors: list[GraphQLError]) -> PreExecutionError:
    context.pre_execution_errors = errors
    return PreExecutionError(data=None, errors=errors)


@cache
def schema() -> strawberry.Schema:
    """The schema, built once per process."""
    return BoundedSchema(
        query=Query,
        subscription=Subscription,
        config=StrawberryConfig(scalar_map=types.SCALARS),
        extensions=[
            lambda: MaskErrors(lambda error: not is_ours(error), problems.INTERNAL_DETAIL),
        ],
    )
