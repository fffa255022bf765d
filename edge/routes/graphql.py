"""GraphQL queries over HTTP. Subscriptions need a WebSocket: edge/graphql/view.py."""

from __future__ import annotations

from edge.answers import Answer
from edge.call import Call
from edge.graphql import queries
from edge.graphql.reads import Reads
from edge.graphql.schema import Context
from edge.push.visitor import Visitor
from edge.routes.routers import under
from edge.schemas import graphql as shapes

router = under("", "graphql")


@router.post(
    "/graphql",
    response_model=shapes.GraphQLAnswer,
    summary="Query stock, orders and offers with GraphQL; errors of the query are in `errors`",
)
async def query(call: Call, body: shapes.GraphQLQuery) -> Answer:
    context = Context(call.push, Reads(call.clients), Visitor.of(call.scope))
    return Answer(await queries.run(context, body.query, body.variables, body.operation_name))
