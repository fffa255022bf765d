"""The cost of a parsed GraphQL document with its fragments expanded, computed without expanding them.

Each fragment is visited once and its totals are kept: the work grows with the text, not with its expansion.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphql.language import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

CAP = 1_000_000
"""Totals stop here: each is far beyond its limit by then, and the numbers stay small."""
INTROSPECTION = ("__schema", "__type")


@dataclass(frozen=True)
class Cost:
    """Totals of one selection set. `levels` is its height in fields. Levels from `__schema` or `__type` downwards count as
    `introspection_depth`, the others as `depth`."""

    fields: int = 0
    aliases: int = 0
    directives: int = 0
    levels: int = 0
    depth: int = 0
    introspection_depth: int = 0

    def beside(self, other: Cost) -> Cost:
        """The totals of both in one selection set."""
        return Cost(
            min(self.fields + other.fields, CAP),
            min(self.aliases + other.aliases, CAP),
            min(self.directives + other.directives, CAP),
            max(self.levels, other.levels),
            max(self.depth, other.depth),
            max(self.introspection_depth, other.introspection_depth),
        )


NOTHING = Cost()


class Costs:
    """Computes the totals of the operations of one document. `visits` counts the selections that were visited."""

    def __init__(self, document: DocumentNode) -> None:
        self.visits = 0
        self._fragments = {
            one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
        }
        self._known: dict[str, Cost] = {}
        self._open: set[str] = set()

    def of(self, operation: OperationDefinitionNode) -> Cost:
        """The totals of one operation."""
        own = Cost(directives=len(operation.directives or ()))
        return own.beside(self._of_set(operation.selection_set))

    def _of_set(self, found: SelectionSetNode | None) -> Cost:
        total = NOTHING
        for selection in found.selections if found is not None else ():
            self.visits += 1
            total = total.beside(Cost(directives=len(selection.directives or ()))).beside(self._of_selection(selection))
        return total

    def _of_selection(self, selection: SelectionNode) -> Cost:
        if isinstance(selection, FieldNode):
            return _of_field(selection, self._of_set(selection.selection_set))
        if isinstance(selection, FragmentSpreadNode):
            return self._of_fragment(selection.name.value)
        return self._of_set(getattr(selection, "selection_set", None))

    def _of_fragment(self, name: str) -> Cost:
        """A fragment that does not exist, or that contains itself, adds nothing: validation refuses the document."""
        if name in self._known:
            return self._known[name]
        fragment = self._fragments.get(name)
        if fragment is None or name in self._open:
            return NOTHING
        self._open.add(name)
        inside = Cost(directives=len(fragment.directives or ())).beside(self._of_set(fragment.selection_set))
        self._open.discard(name)
        self._known[name] = inside
        return inside


def _of_field(field: FieldNode, inside: Cost) -> Cost:
    fields = min(inside.fields + 1, CAP)
    levels = inside.levels + 1
    aliases = min(inside.aliases + (field.alias is not None), CAP)
    if field.name.value in INTROSPECTION:
        return Cost(fields, aliases, inside.directives, levels, 1, levels)
    return Cost(fields, aliases, inside.directives, levels, inside.depth + 1, inside.introspection_depth)
