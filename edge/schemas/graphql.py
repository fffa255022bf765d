"""What GraphQL over HTTP looks like, as its specification names the members."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from edge.schemas.bounds import text

MOST_QUERY = 64 * 1024
"""Characters: a query of 1,000 tokens with every name spelled out."""


class GraphQLQuery(BaseModel):
    """A query; members that are not ours are ignored, as the specification wants it."""

    model_config = ConfigDict(strict=True, extra="ignore")

    query: Annotated[str, text(1, MOST_QUERY)]
    variables: dict[str, Any] | None = None
    operation_name: Annotated[Annotated[str, text(0, 200)] | None, Field(alias="operationName")] = None


class GraphQLAnswer(TypedDict):
    """`data` is null when nothing could be answered; `errors` is there when something could not."""

    data: dict[str, Any] | None
    errors: NotRequired[list[dict[str, Any]]]
