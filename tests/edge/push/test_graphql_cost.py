"""The totals of GraphQL documents: exact, and computed without expanding fragments."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLError, parse
from graphql.language import OperationDefinitionNode
from hypothesis import given
from hypothesis import strategies as st

from edge.graphql import limits
from edge.graphql.cost import CAP, Cost, Costs
from tests.edge.push.graphql_documents import bomb, written_out

LEAVES = ("a", "b @include(if: true)", "x: a", "__typename")
OPENING = (
    "a {",
    "y: b {",
    "__schema {",
    "__type @skip(if: true) {",
    "... {",
    "... @include(if: true) @skip(if: false) {",
)
SPREADS = ("...", "... @skip(if: false)")
BODY = st.lists(st.sampled_from([*LEAVES, *OPENING, *SPREADS, "}"]), min_size=1, max_size=8)


def selections(words: list[str], spread: list[str]) -> str:
    """The words as a selection set: each brace is closed and not empty, each spread has one of these names."""
    written, nesting = [], 0
    for place, word in enumerate(words):
        if word == "}":
            written += ["c }"] if nesting else ["c"]
            nesting -= nesting > 0
        elif word in SPREADS:
            written.append(word.replace("...", f"...{spread[place % len(spread)]}") if spread else "d")
        else:
            written.append(word)
            nesting += word in OPENING
    return " ".join(written) + " c }" * nesting


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Fragments spread only later ones, so that there are no cycles."""
    bodies = draw(st.lists(BODY, min_size=1, max_size=5))
    names = [f"F{number}" for number in range(1, len(bodies))]
    query, *fragments = (selections(words, names[number:]) for number, words in enumerate(bodies))
    parts = [f"fragment {name} on Query @a {{{inside}}}" for name, inside in zip(names, fragments, strict=True)]
    return " ".join([f"query @b {{{query}}}", *parts])


@given(documents())
def test_remembered_totals_are_those_of_fragments_written_out(query: str) -> None:
    document = parse(query)
    expected = written_out(document)
    assert cost_of(query)[0] == expected


def cost_of(query: str) -> tuple[Cost, int]:
    """The totals of the first operation, and the number of visited selections."""
    document = parse(query)
    costs = Costs(document)
    operation = next(one for one in document.definitions if isinstance(one, OperationDefinitionNode))
    return costs.of(operation), costs.visits


@pytest.mark.parametrize("doublings", range(10, 101, 10))
def test_a_bomb_of_fragments_is_counted_by_looking_at_each_selection_once(doublings: int) -> None:
    cost, visits = cost_of(bomb(doublings))
    assert cost.fields == min(2**doublings, CAP)
    assert visits == 2 * doublings + 2


def test_a_fragment_inside_itself_ends_the_counting() -> None:
    cost, visits = cost_of("{...A a} fragment A on Query{b ...B} fragment B on Query{c ...A}")
    assert (cost.fields, visits) == (3, 6)


QUERY = "{a}"
OPERATIONS = " ".join(f"query Q{number} {{a}}" for number in range(11))
FRAGMENTS = (
    "{" + " ".join(f"...F{n}" for n in range(21)) + "}" + " ".join(f"fragment F{n} on Q{{a}}" for n in range(21))
)
DECLARED = "query(" + " ".join(f"$v{number}: Int" for number in range(51)) + ") {a}"
DEEP_VARIABLE: dict[str, Any] = {"v": [[[[[[[[[]]]]]]]]]}


@pytest.mark.parametrize(
    ("query", "variables", "limit"),
    [
        ('{a(b: "' + "x" * 65_536 + '")}', None, "bytes"),
        ("{" + "a " * 1_000 + "}", None, "tokens"),
        ("#\n" * 1_001 + "{a}", None, "tokens"),
        ("{a" * 41, None, "nested brackets"),
        ("{a(b: " + "[" * 50_000, None, "nested brackets"),
        ("{" + "...F " * 51 + "} fragment F on Q {a}", None, "fragment spreads"),
        (OPERATIONS, None, "operations"),
        (FRAGMENTS, None, "fragments"),
        (bomb(10), None, "fields"),
        ("{" + "...F " * 4 + "} fragment F on Q {" + "b: a " * 4 + "}", None, "aliases"),
        ("{" + "...F " * 3 + "} fragment F on Q {" + "a @include(if: true) " * 7 + "}", None, "directives"),
        ("{a{b{c{...F}}}} fragment F on Q {a{b{c{d{e{f}}}}}}", None, "levels of fields"),
        ("{__schema{" + "a{" * 14 + "a" + "}" * 15 + "}", None, "levels of introspection"),
        (DECLARED, None, "variables"),
        (QUERY, {f"v{number}": 1 for number in range(51)}, "variables"),
        (QUERY, {"v": "x" * 65_536}, "bytes of variables"),
        (QUERY, DEEP_VARIABLE, "nested variables"),
    ],
)
def test_every_limit_refuses_the_first_document_beyond_it(
    query: str, variables: dict[str, Any] | None, limit: str
) -> None:
    with pytest.raises(GraphQLError) as refused:
        limits.admitted(query, variables, None, True)
    extensions: Any = refused.value.extensions
    assert (extensions["reason"], extensions["status"], extensions["metadata"]["limit"]) == (
        "QUERY_TOO_COSTLY",
        422,
        limit,
    )
