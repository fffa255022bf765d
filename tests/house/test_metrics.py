"""House rules of metrics: the table in chassis/METRICS.md agrees with the declarations in the code."""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

from tests.house import tree

TABLE = "chassis/METRICS.md"
KINDS = ("counter", "gauge", "histogram")
LABELS = {
    "call",
    "code",
    "consumer",
    "direction",
    "kind",
    "loop",
    "method",
    "outcome",
    "python",
    "reason",
    "route",
    "script",
    "stage",
    "state",
}
LABELS |= {"status", "version", "why"}
"""Every allowed label. Each has a bounded set of values, which callers cannot extend; ids and skus are never labels."""
NOT_NAMES = re.compile(r"\{.*?\}|\[.*?\]|\bby \(.*?\)|\w+(?= ?\()|\b(?:by|max|sum)\b")
"""Parts of PromQL that name no metric: labels, ranges, groupings, functions."""
METRIC_NAME = re.compile(r"\b[a-z]\w+\b")
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([^|]+) \|([^|]*)\| (.+) \|$")


class Declared(NamedTuple):
    """One metric, as in the table or in the code."""

    kind: str
    labels: tuple[str, ...]
    meaning: str


def test_the_table_and_the_code_declare_the_same_metrics() -> None:
    table, code = _in_table(), _in_code()
    broken = [f"{TABLE}: {name} is declared nowhere" for name in table.keys() - code.keys()]
    broken += [f"{path}: {name} has no line in {TABLE}" for name, (path, _) in code.items() if name not in table]
    for name in table.keys() & code.keys():
        path, metric = code[name]
        if metric != table[name][1]:
            broken.append(f"{path}: {name}: {metric} in the code, {table[name][1]} in {TABLE}")
    tree.holds("write the same line in both places", broken)


def test_a_metric_is_named_after_its_unit() -> None:
    broken = []
    for name, (unit, metric) in _in_table().items():
        counted = metric.kind == "counter"
        stem = name.removesuffix("_total")
        if counted != name.endswith("_total") or (unit in ("seconds", "bytes") and not stem.endswith(f"_{unit}")):
            broken.append(f"{TABLE}: {name} is a {metric.kind} in {unit}")
    tree.holds("counters end in _total, times in _seconds", broken)


def test_every_label_has_a_bounded_set_of_values() -> None:
    broken = [
        f"{path}: {name}: {label}"
        for name, (path, metric) in _in_code().items()
        for label in metric.labels
        if label not in LABELS
    ]
    tree.holds("no ids, no skus; a new label needs a line in LABELS", broken)


def test_dashboards_and_alerts_ask_only_for_metrics_that_exist() -> None:
    known = set(_in_table()) | set(re.findall(r"`((?:process|python_gc)_\w+)`", tree.text(TABLE))) | {"up"}
    broken = []
    for path, question in _asked():
        for name in METRIC_NAME.findall(NOT_NAMES.sub(" ", question)):
            if name not in known and re.sub(r"_(bucket|sum|count)$", "", name) not in known:
                broken.append(f"{path}: {name}")
    tree.holds("use only metrics of the table", broken)


def _asked() -> list[tuple[str, str]]:
    """Every PromQL expression in deploy/, with its file."""
    found = []
    for path in tree.files():
        if path.startswith("deploy/"):
            lines = re.findall(r'^\s*"?expr"?: "?(.+?)"?,?$', tree.text(path), re.MULTILINE)
            found += [(path, line.replace('\\"', '"')) for line in lines]
    assert found, "deploy/ has dashboards"
    return found


def _in_table() -> dict[str, tuple[str, Declared]]:
    """Name to unit and metric."""
    found = {}
    for line in tree.text(TABLE).splitlines():
        if row := ROW.match(line):
            name, kind, unit, labels, meaning = row.groups()
            found[name] = (unit.strip(), Declared(kind, tuple(re.findall(r"`(\w+)`", labels)), meaning.strip()))
    return found


def _in_code() -> dict[str, tuple[str, Declared]]:
    """Name to `path:line` and metric; a declaration is `metrics.counter("name", "meaning", "label", ...)`."""
    found = {}
    for path, call in tree.nodes(ast.Call):
        function = call.func
        if not tree.of_product(path) or not isinstance(function, ast.Attribute) or function.attr not in KINDS:
            continue
        if isinstance(function.value, ast.Name) and function.value.id == "metrics":
            name, meaning, *labels = (str(ast.literal_eval(argument)) for argument in call.args)
            found[name] = (f"{path}:{call.lineno}", Declared(function.attr, tuple(labels), meaning))
    return found
