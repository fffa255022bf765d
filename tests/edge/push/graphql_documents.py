"""GraphQL documents that cost more than they seem to, and a simple expansion of their fragments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from graphql.language import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

from edge.graphql.cost import INTROSPECTION, Cost

Path = tuple[FieldNode, ...]
"""A field below the fields that contain it."""


def bomb(doublings: int) -> str:
    """Expands to two to the power of `doublings` fields, with some forty characters for each doubling."""
    fragments = (f"fragment F{number} on Query{{...F{number + 1} ...F{number + 1}}}" for number in range(doublings))
    return "{...F0} " + " ".join(fragments) + f" fragment F{doublings} on Query{{__typename}}"


def written_out(document: DocumentNode) -> Cost:
    """The cost of the first operation when every fragment is expanded in place. Does not end for cycles."""
    fragments = {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}
    operation = next(one for one in document.definitions if isinstance(one, OperationDefinitionNode))
    found = list(_everything(operation.selection_set, fragments, ()))
    paths = [path for _, path in found if path is not None]
    return Cost(
        fields=len(paths),
        aliases=sum(path[-1].alias is not None for path in paths),
        directives=len(operation.directives or ()) + sum(directives for directives, _ in found),
        levels=max(len(path) for path in paths),
        depth=max(_first_of_introspection(path) for path in paths),
        introspection_depth=max(len(path) + 1 - _first_of_introspection((*path, None)) for path in paths),
    )


def _first_of_introspection(path: tuple[FieldNode | None, ...]) -> int:
    """The level of `__schema` or `__type`, else the lowest one."""
    levels = (level for level, field in enumerate(path, 1) if field is not None and field.name.value in INTROSPECTION)
    return next(levels, len(path))


def _everything(
    found: SelectionSetNode | None, fragments: Mapping[str, FragmentDefinitionNode], above: Path
) -> Iterator[tuple[int, Path | None]]:
    """The number of directives of every selection and fragment, with the path of those that are fields."""
    for node in found.selections if found is not None else ():
        own = len(node.directives or ())
        if isinstance(node, FieldNode):
            yield own, (*above, node)
            yield from _everything(node.selection_set, fragments, (*above, node))
        elif isinstance(node, FragmentSpreadNode):
            fragment = fragments[node.name.value]
            yield own + len(fragment.directives or ()), None
            yield from _everything(fragment.selection_set, fragments, above)
        else:
            yield own, None
            yield from _everything(_inside(node), fragments, above)


def _inside(node: SelectionNode) -> SelectionSetNode | None:
    found: SelectionSetNode | None = getattr(node, "selection_set", None)
    return found
