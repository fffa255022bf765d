"""Limits on the cost of a GraphQL document, the same over HTTP and WebSocket, checked before graphql-core validates it.

The tokens are checked first, in one pass, so that the parser never nests deeply; then the parsed document, with fragments
counted as if they were expanded. graphql-core validates only documents within these limits: at most about 50 ms with parsing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from graphql import GraphQLError, GraphQLSchema, parse, validate
from graphql.language import (
    DocumentNode,
    FragmentDefinitionNode,
    Lexer,
    OperationDefinitionNode,
    Source,
    Token,
    TokenKind,
)
from graphql.validation.rules import overlapping_fields_can_be_merged as overlapping

from edge import problems
from edge.graphql.cost import Cost, Costs
from edge.graphql.errors import of_problem
from edge.problems import Problem

MOST_BYTES = 64 * 1024
"""Of the query's text in UTF-8: 1,000 tokens with long names."""
MOST_TOKENS = 1_000
"""Including comments, which the lexer reads like tokens. The standard introspection query has 180."""
MOST_NESTING = 40
"""Open brackets of any kind. The parser recurses for each; the standard introspection query has 15."""
MOST_SPREADS = 50
"""Written in the text, not expanded. The standard introspection query has 5."""
MOST_OPERATIONS = 10
"""Only one is executed; a client library may send a file with several."""
MOST_FRAGMENTS = 20
MOST_FIELDS = 1_000
"""With fragments expanded; without fragments the limit of tokens allows no more."""
MOST_ALIASES = 15
"""With fragments expanded: each alias in a query is a call to a service."""
MOST_DIRECTIVES = 20
"""With fragments expanded; the schema has only @skip and @include."""
MOST_DEPTH = 8
"""The deepest useful query, orders > orders > lines > field, has 4."""
MOST_INTROSPECTION_DEPTH = 15
"""The depth of the standard introspection query."""
MOST_VARIABLES = 50
"""Declared by one operation, or sent. The longest field has four arguments, 15 aliases of it have 60."""
MOST_VARIABLES_BYTES = 64 * 1024
"""As JSON: 500 skus of maximum length fit."""
MOST_VARIABLES_NESTING = 8
"""No argument is deeper than a list of texts."""
MOST_COMPARISONS = 5_000
"""graphql-core's own budget for comparing fields of the same name; the comparisons grow with the square of the document.
Its default of 500,000 is half a second of work; ordinary queries within the limits above need a few hundred."""
MOST_ERRORS = 10
"""Validation stops after this many: each error may cost a search for similar names, and a person fixes few at once."""

OPENING = (TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L)
CLOSING = (TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R)

overlapping.MAX_COMPLEXITY_BUDGET = MOST_COMPARISONS


class OperationUnknown(GraphQLError):
    """`operationName` names no operation of the document, or is missing although there are several; see `words`."""

    def __init__(self, words: str) -> None:
        error = of_problem(problems.invalid_field("operationName", words))
        super().__init__(error.message, extensions=error.extensions)
        self.words = words


def admitted(
    query: str, variables: Mapping[str, Any] | None, operation_name: str | None, introspects: bool
) -> DocumentNode:
    """Parses the document. GraphQLError when it is not valid, exceeds a limit, or leaves its operation open.

    `introspects`: whether the caller may query the schema.
    """
    _check_text(query)
    _check_variables(variables or {})
    document = _parsed(query)
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    fragments = [one for one in document.definitions if isinstance(one, FragmentDefinitionNode)]
    _within("operations", len(operations), MOST_OPERATIONS)
    _within("fragments", len(fragments), MOST_FRAGMENTS)
    costs = Costs(document)
    for operation in operations:
        _within("variables", len(operation.variable_definitions or ()), MOST_VARIABLES)
        _check_cost(costs.of(operation), introspects)
    _check_choice(operations, operation_name)
    return document


def violations(schema: GraphQLSchema, document: DocumentNode) -> list[GraphQLError]:
    """The validation errors of an admitted document."""
    return validate(schema, document, max_errors=MOST_ERRORS)


def _check_text(query: str) -> None:
    if not query:
        raise of_problem(problems.invalid_field("query", "must be a GraphQL document"))
    try:
        size = len(query.encode())
    except UnicodeEncodeError:
        raise of_problem(problems.invalid_field("query", "must be valid Unicode text")) from None
    _within("bytes", size, MOST_BYTES)
    _check_tokens(Lexer(Source(query)))


def _check_tokens(lexer: Lexer) -> None:
    """Checks the limits of tokens. GraphQLError also for text that is not a token."""
    tokens = nesting = spreads = 0
    token = lexer.token
    while token.kind is not TokenKind.EOF:
        before, token = token, _next(lexer, token)
        tokens += 1
        if token.kind in OPENING:
            nesting += 1
            _within("nested brackets", nesting, MOST_NESTING)
        elif token.kind in CLOSING:
            nesting -= 1
        elif before.kind is TokenKind.SPREAD and token.kind is TokenKind.NAME and token.value != "on":
            spreads += 1
        _within("tokens", tokens - 1, MOST_TOKENS)
        _within("fragment spreads", spreads, MOST_SPREADS)


def _next(lexer: Lexer, token: Token) -> Token:
    try:
        return lexer.read_next_token(token.end)
    except GraphQLError as error:
        raise _plain(error) from None


def _check_variables(variables: Mapping[str, Any]) -> None:
    _within("variables", len(variables), MOST_VARIABLES)
    level: list[Any] = [variables]
    nesting = 0
    while level := [inside for one in level for inside in _inside(one)]:
        nesting += 1
        _within("nested variables", nesting, MOST_VARIABLES_NESTING)
    try:
        size = len(orjson.dumps(variables))
    except TypeError:
        words = "must contain valid Unicode text, and no whole number of more than 64 bits"
        raise of_problem(problems.invalid_field("variables", words)) from None
    _within("bytes of variables", size, MOST_VARIABLES_BYTES)


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list) else ()


def _parsed(query: str) -> DocumentNode:
    try:
        return parse(query)
    except GraphQLError as error:
        raise _plain(error) from None


def _plain(error: GraphQLError) -> GraphQLError:
    """The same message and position without the subclass: for a GraphQLSyntaxError strawberry closes the connection."""
    return GraphQLError(error.message, source=error.source, positions=error.positions)


def _check_cost(cost: Cost, introspects: bool) -> None:
    _within("fields", cost.fields, MOST_FIELDS)
    _within("aliases", cost.aliases, MOST_ALIASES)
    _within("directives", cost.directives, MOST_DIRECTIVES)
    _within("levels of fields", cost.depth, MOST_DEPTH)
    _within("levels of introspection", cost.introspection_depth, MOST_INTROSPECTION_DEPTH)
    if cost.introspection_depth and not introspects:
        needed = "Introspection requires the API token; a ticket allows only subscriptions."
        raise of_problem(Problem(403, "SCOPE_MISSING", needed, {"scope": "introspection"}))


def _check_choice(operations: Sequence[OperationDefinitionNode], name: str | None) -> None:
    """GetOperation of the specification: the operation of that name, or the only one."""
    if name is None and len(operations) > 1:
        raise OperationUnknown("is required because the query has several operations")
    if name is not None and name not in {one.name.value for one in operations if one.name is not None}:
        raise OperationUnknown("must name an operation of the query")


def _within(limit: str, found: int, most: int) -> None:
    if found > most:
        raise of_problem(problems.too_costly(limit, most))
