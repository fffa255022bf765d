"""The OpenAPI document states all valid input and all answers: bounds of every value, statuses, reasons, examples."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI
from jsonschema_rs import validator_for
from pydantic import BaseModel

from edge import problems
from edge.openapi.reasons import REASONS
from edge.operation import Operation
from edge.schemas import fields
from tests.edge.far_side import FarSide
from tests.house import tree

Node = dict[str, Any]
PROBLEM = "application/problem+json"
NEVER_REFUSED = "X-Request-Id"
"""An invalid value is replaced, so that no rule of it could refuse anything."""
CALL = re.compile(r"call\.clients\.\w+\.(\w+)")
RPC = re.compile(r"((?: *//[^\n]*\n)+) *rpc (\w+)\(")
REASON = re.compile(r"\b[A-Z]+(?:_[A-Z]+)+\b|\bOVERLOADED\b")


@pytest.fixture
def document(application: FastAPI) -> Node:
    return application.openapi()


@pytest.fixture
def operations(application: FastAPI) -> list[Operation]:
    return [route for route in application.routes if isinstance(route, Operation)]


def documented(document: Node) -> Iterator[tuple[str, Node]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def unbounded(document: Node, schema: Node, where: str, seen: tuple[str, ...] = ()) -> Iterator[str]:
    """Every part of a schema without a maximum length, size or number."""
    if reference := schema.get("$ref"):
        if reference not in seen:
            named = document["components"]["schemas"][reference.rpartition("/")[2]]
            yield from unbounded(document, named, where, (*seen, reference))
        return
    kind = schema.get("type")
    if kind == "string" and not ({"enum", "const"} & schema.keys() or ("maxLength" in schema and "pattern" in schema)):
        yield f"{where}: a text without length and pattern"
    if kind in ("integer", "number") and not {"minimum", "maximum"} <= schema.keys():
        yield f"{where}: a number without range"
    if kind == "array" and "maxItems" not in schema:
        yield f"{where}: a list without maxItems"
    if kind == "object" and schema.get("additionalProperties", True) is True and not GRAPHQL.search(where):
        yield f"{where}: an object with any members"
    parts = {**schema.get("properties", {}), "[]": schema.get("items"), "{}": schema.get("additionalProperties")}
    for name, part in parts.items():
        if isinstance(part, dict):
            yield from unbounded(document, part, f"{where}.{name}", seen)
    choices = (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ()))
    for part in (
        choice for choice in choices if {"type", "$ref"} & choice.keys()
    ):  # otherwise it is a rule about members
        yield from unbounded(document, part, where, seen)


GRAPHQL = re.compile(r"^POST (/graphql|/v1/webhooks/)")
"""GraphQL and the provider's events have members defined by others: variables, and any additions of a sender."""


def test_every_value_that_may_be_sent_is_bounded(document: Node) -> None:
    broken: list[str] = []
    for name, operation in documented(document):
        for parameter in operation["parameters"]:
            if parameter["name"] != NEVER_REFUSED:
                broken += unbounded(document, parameter["schema"], f"{name} {parameter['name']}")
        if "requestBody" in operation:
            broken += unbounded(document, operation["requestBody"]["content"]["application/json"]["schema"], name)
    assert not broken, "\n".join(broken)


def test_every_pattern_is_anchored_and_every_number_a_json_schema_keyword(document: Node) -> None:
    def walk(part: Any) -> Iterator[Node]:
        if isinstance(part, dict):
            yield part
        for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            yield from walk(inner)

    for part in walk(document):
        assert not {"ge", "le", "gt", "lt"} & part.keys(), part
        if isinstance(pattern := part.get("pattern"), str):
            assert pattern.startswith("^") and pattern.endswith("$"), pattern
            assert not re.search(r"\\[sSdDwWAzZ]|\(\?[^:]", pattern), (
                f"{pattern} has another meaning in another language"
            )


def test_every_operation_is_named_once_and_has_the_statuses_that_any_can_answer(document: Node) -> None:
    names = [operation["operationId"] for _, operation in documented(document)]
    assert len(set(names)) == len(names) > 40
    for name, operation in documented(document):
        statuses = set(operation["responses"])
        expected = {"400", "408", "414", "422", "431", "500", "503"}
        expected |= {"401"} if operation.get("security") or "/v1/webhooks/" in name else set()
        expected |= {"413"} if "requestBody" in operation else set()
        expected |= {"412"} if "If-Match" in [each["name"] for each in operation["parameters"]] else set()
        assert operation["summary"], name
        assert expected <= statuses, name
        assert "default" not in statuses, name
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert answer["content"] == {PROBLEM: {"schema": {"$ref": "#/components/schemas/ProblemAnswer"}}}
                assert {REASONS[reason].status for reason in answer["x-reasons"]} == {int(status)}
            assert "X-Request-Id" in answer["headers"], name


def test_what_is_open_needs_no_token_and_all_else_says_that_it_does(document: Node) -> None:
    unprotected = {name for name, operation in documented(document) if not operation.get("security")}
    assert unprotected == {"GET /healthz", "GET /readyz", "POST /v1/webhooks/sandbox"}


def test_media_types_are_what_is_answered(document: Node) -> None:
    told = {
        name: set(operation["responses"]["200"]["content"])
        for name, operation in documented(document)
        if "200" in operation["responses"]
    }
    assert told.pop("GET /metrics") == {"text/plain"}
    assert told.pop("GET /v1/inventory/stream") == {"text/event-stream"}
    assert set(map(frozenset, told.values())) == {frozenset({"application/json"})}


def test_a_body_is_required_where_none_is_refused(document: Node) -> None:
    free = {
        operation["operationId"]
        for _, operation in documented(document)
        if "requestBody" in operation and not operation["requestBody"]["required"]
    }
    assert free == {
        "cancel_order",
        "commit_reservation",
        "release_reservation",
        "fulfill_reservation",
        "cancel_reservation",
        "rotate_webhook_secret",
        "test_webhook_endpoint",
        "resend_webhook_delivery",
    }


def test_every_body_has_an_example_that_its_schema_and_its_model_take(
    document: Node, operations: list[Operation]
) -> None:
    models = {
        operation.operation_id: inspect.get_annotations(operation.endpoint, eval_str=True).get("body")
        for operation in operations
    }
    count = 0
    for name, operation in documented(document):
        if "requestBody" not in operation:
            continue
        media = operation["requestBody"]["content"]["application/json"]
        example = media["examples"]["ordinary"]["value"]
        schema = {**media["schema"], "components": document["components"]}
        assert validator_for(schema).is_valid(example), name
        model = models[operation["operationId"]]
        if isinstance(model, type) and issubclass(model, BaseModel):
            model.model_validate_json(orjson.dumps(example))
        count += 1
    assert count > 20


@pytest.mark.parametrize(
    ("day", "is_one"),
    [
        ("1970-01-01", True),
        ("1972-02-29", True),
        ("2000-02-29", True),
        ("2026-12-31", True),
        ("9996-02-29", True),
        ("9998-12-31", True),
        ("1969-12-31", False),
        ("1971-02-29", False),
        ("2100-02-29", False),
        ("2026-02-30", False),
        ("2026-04-31", False),
        ("2026-13-01", False),
        ("9999-01-01", False),
        ("2026-1-1", False),
        ("2026-01-01\n", False),
    ],
)
def test_the_pattern_of_days_takes_the_days_that_there_are(day: str, is_one: bool) -> None:
    assert validator_for({"pattern": fields.DAY}).is_valid(day) is is_one
    assert bool(re.fullmatch(fields.DAY.removesuffix("$"), day)) is is_one


@pytest.mark.parametrize(
    "instant",
    ["0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00", "1969-12-31", "9999-12-31", "2026-11-20T10:00:00"],
)
async def test_an_instant_at_the_calendars_end_is_refused(
    rest: httpx.AsyncClient, far_side: FarSide, instant: str
) -> None:
    for name in ("from", "to"):
        answer = await rest.get(f"/v1/orders?{name}={instant}")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, name)
    assert not far_side.calls


@pytest.mark.parametrize("instant", ["1970-01-01T00:00:00%2B14:00", "9998-12-31T23:59:59-14:00", "9998-12-31"])
async def test_an_instant_within_the_range_is_one_in_every_zone(
    rest: httpx.AsyncClient, far_side: FarSide, instant: str
) -> None:
    assert (await rest.get(f"/v1/orders?from={instant}&to={instant}")).status_code == 200
    assert far_side.last.request.create_time_from.seconds >= 0


def test_every_reason_has_the_status_that_it_gets(document: Node) -> None:
    """Compares the document's table with the comments of the protos, and with the output of problems.py."""
    known = {}
    for path in tree.files("error_reason.proto"):
        for comment, name in re.findall(
            r"// ([A-Z_]+)[^\n]*(?:\n *//[^\n]*)*\n *ERROR_REASON_(\w+) = [1-9]", tree.text(path)
        ):
            known[name] = comment
    for reason, said in REASONS.items():
        if code := known.get(reason):
            status = problems.STATUS_OF_REASON.get(reason) or {
                name.name: number for name, number in problems.STATUS_OF_CODE.items()
            }.get(code, 500)
            assert said.status == (412 if reason == "VERSION_STALE" else status), reason
        else:
            assert f"`{reason}`" in tree.text("edge/README.md"), reason


def test_an_operation_documents_each_reason_of_the_methods_that_it_calls(document: Node) -> None:
    known = {
        name
        for path in tree.files("error_reason.proto")
        for name in re.findall(r"ERROR_REASON_(\w+) = [1-9]", tree.text(path))
    }
    of_method = {
        name: set(REASON.findall(comment)) & known
        for path in tree.files("_service.proto")
        for comment, name in RPC.findall(tree.text(path))
    }
    of_handler = {}
    for path in Path(tree.ROOT / "edge").glob("*/*.py"):
        source = path.read_text()
        functions = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.AsyncFunctionDef)}
        text = {name: ast.get_source_segment(source, node) or "" for name, node in functions.items()}
        for name, body in text.items():
            helpers = [other for other in text if other.startswith("_") and f"{other}(" in body]
            of_handler[name] = {method for part in (name, *helpers) for method in CALL.findall(text[part])}
    broken = []
    for name, operation in documented(document):
        said = {reason for answer in operation["responses"].values() for reason in answer.get("x-reasons", ())}
        for method in of_handler[operation["operationId"]]:
            broken += [f"{name}: {method} can say {reason}" for reason in of_method[method] - said]
    assert not broken, "\n".join(broken)


async def test_head_has_the_headers_of_get_and_no_body(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    for path in ("/v1/locations", "/v1/skus/A", "/healthz", "/metrics", "/openapi.json", "/v1/inventory/stream"):
        head = await rest.head(path)
        assert (head.status_code, head.content) == (200, b""), path
        if path != "/v1/inventory/stream":  # a GET of it does not end
            get = await rest.get(path)
            assert {**head.headers, "x-request-id": "", "content-length": ""} == {
                **get.headers,
                "x-request-id": "",
                "content-length": "",
            }
            assert path == "/metrics" or head.headers["content-length"] == get.headers["content-length"]
    refused = await rest.head("/v1/orders?page_size=x")
    assert (refused.status_code, refused.content) == (422, b"")
    assert (await rest.head("/v1/stream-tickets")).status_code == 405
