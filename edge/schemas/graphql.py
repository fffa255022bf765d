"""REST schemas of GraphQL over HTTP, with the members that its specification names."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from edge.schemas.bounds import text

MOST_QUERY = 64 * 1024
"""Characters: a query of 1,000 tokens with long names."""


class GraphQLQuery(BaseModel):
    """A query; unknown members are ignored, as the specification requires."""

    model_config = ConfigDict(strict=True, extra="ignore")

    query: Annotated[str, text(1, MOST_QUERY)]
    variables: dict[str, Any] | None = None
    operation_name: Annotated[Annotated[str, text(0, 200)] | None, Field(alias="operationName")] = None


class GraphQLAnswer(TypedDict):
    """The result. `data` is null when no part of the query succeeded; `errors` is present when a part failed."""

    data: dict[str, Any] | None
    errors: NotRequired[list[dict[str, Any]]]
