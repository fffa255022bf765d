"""House rules of imports that import-linter has no contract for: no circle, and settings that depend on nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from tests.house import tree

SETTINGS = "chassis.config"
MAY_KNOW = {"chassis.services"}


def test_no_module_imports_itself_through_others() -> None:
    graph = _graph()
    circles = [circle for circle in _components(graph) if len(circle) > 1]
    tree.holds("cut the circle", [f"{_path(circle[0])}:1: {' '.join(sorted(circle))}" for circle in circles])


def test_the_settings_of_the_chassis_import_only_the_registry() -> None:
    assert _graph()[SETTINGS] <= MAY_KNOW


def _graph() -> Mapping[str, frozenset[str]]:
    """Each module of the product, and those of the product that it imports, also inside functions."""
    modules = {_module(path): path for path in tree.files(".py") if tree.of_product(path)}
    return {name: frozenset(_imports(path, modules)) - {name} for name, path in modules.items()}


def _imports(path: str, modules: Mapping[str, str]) -> Iterator[str]:
    for node in ast.walk(tree.module(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                if whole in modules or node.module in modules:
                    yield whole if whole in modules else node.module


def _components(graph: Mapping[str, frozenset[str]]) -> list[list[str]]:
    """Groups of modules that reach one another (Tarjan, 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in graph[name]:
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            place = stack.index(name)
            found.append(stack[place:])
            del stack[place:]

    for name in graph:
        if name not in index:
            visit(name)
    return found


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _path(module: str) -> str:
    return next(path for path in tree.files(".py") if _module(path) == module)
