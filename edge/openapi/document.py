"""Completes FastAPI's document: statuses with their reasons, headers, bodies, examples, whole numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from starlette.routing import BaseRoute

from edge import problems
from edge.openapi import examples, headers, refusals
from edge.openapi.reasons import REASONS
from edge.openapi.refusals import Refusals
from edge.operation import Operation
from edge.schemas import skus, webhooks
from edge.schemas.bounds import ANY_TEXT

PROBLEM_TYPE = problems.CONTENT_TYPE.decode()
PROBLEM = {"$ref": "#/components/schemas/ProblemAnswer"}
REASONS_KEY, RULES_KEY = "x-reasons", "x-rules"
"""Extensions of a response: the reasons that its problem can have; for 422, by field, the rules that no schema can express."""
COMPONENTS: dict[str, Any] = {skus.VALUE_SCHEMA: skus.ATTRIBUTE_VALUE, "SandboxEvent": webhooks.SANDBOX_EVENT}


def complete(document: dict[str, Any], routes: Iterable[BaseRoute]) -> None:
    """Completes the document in place. It must have been generated from these routes."""
    document["components"]["schemas"].update(COMPONENTS)
    for route in routes:
        if isinstance(route, Operation) and route.include_in_schema:
            for method in route.own_methods:
                _complete(document["paths"][route.path_format][method.lower()], document["components"]["schemas"])
    _whole_numbers(document)


def _complete(operation: dict[str, Any], components: dict[str, Any]) -> None:
    known = operation.setdefault("parameters", [])
    known += [headers.REQUEST_ID, headers.REQUEST_TIMEOUT]
    for parameter in known:
        _as_sent(parameter)
    if "requestBody" in operation:
        media = operation["requestBody"]["content"]["application/json"]
        operation["requestBody"]["required"] = _needed(media["schema"], components)
        example = examples.OF_OPERATION[operation["operationId"]]
        media["examples"] = {"ordinary": {"summary": operation["summary"], "value": example}}
    _complete_answers(operation)


def _complete_answers(operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    for name in ("default", "422"):
        answers.pop(name, None)
    changes = headers.IDEMPOTENCY_KEY in operation["parameters"]
    for answer in answers.values():
        answer["headers"] = {"X-Request-Id": headers.ANSWER_ID}
        if changes:
            answer["headers"]["Idempotency-Replayed"] = headers.REPLAYED
        if operation["operationId"] in refusals.TAGGED:
            answer["headers"]["ETag"] = headers.ETAG
    mine = refusals.OF_OPERATION.get(operation["operationId"], Refusals())
    for status, reasons in sorted(_by_status(_reasons(operation, mine)).items()):
        answers[str(status)] = _problem(status, reasons, mine if status == 422 else Refusals())
        if changes:
            answers[str(status)]["headers"]["Idempotency-Replayed"] = headers.REPLAYED


def _reasons(operation: dict[str, Any], mine: Refusals) -> Iterator[str]:
    """Every reason with which this operation may refuse a request."""
    name, parameters = operation["operationId"], {each["name"] for each in operation["parameters"]}
    yield from refusals.ALWAYS
    yield from mine.reasons
    if name not in refusals.OPEN:
        yield from refusals.CLOSED
    if "requestBody" in operation:
        yield from refusals.WITH_BODY
    if name not in refusals.HERE:
        yield from refusals.BEHIND
    for parameter, reasons in refusals.WITH_PARAMETER.items():
        if parameter in parameters:
            yield from reasons


def _by_status(reasons: Iterable[str]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for reason in dict.fromkeys(reasons):
        found[REASONS[reason].status].append(reason)
    return found


def _problem(status: int, reasons: list[str], mine: Refusals) -> dict[str, Any]:
    lines = [f"`{reason}`: {REASONS[reason].words}" for reason in reasons]
    lines += [f"`{field}` must be {rule}." for field, rule in mine.rules.items()]
    answer: dict[str, Any] = {
        "description": "\n\n".join(lines),
        "headers": {"X-Request-Id": headers.ANSWER_ID},
        "content": {PROBLEM_TYPE: {"schema": PROBLEM}},
        REASONS_KEY: reasons,
    }
    if mine.rules:
        answer[RULES_KEY] = dict(mine.rules)
    if status in problems.RETRY_STATUSES:
        answer["headers"]["Retry-After"] = headers.RETRY_AFTER
    if status == 401:
        answer["headers"]["WWW-Authenticate"] = headers.CHALLENGE
    return answer


def _needed(schema: dict[str, Any], components: dict[str, Any]) -> bool:
    """Whether a body is required: without one, {} would be refused."""
    named = components[schema["$ref"].rpartition("/")[2]]
    return any(rule in named for rule in ("required", "minProperties", "anyOf"))


def _as_sent(parameter: dict[str, Any]) -> None:
    """Describes a parameter as it is sent: it can be absent but not null, and lists are `A,B`."""
    schema = parameter["schema"]
    kinds = [kind for kind in schema.get("anyOf", ()) if kind.get("type") != "null"]
    if len(kinds) == 1:
        del schema["anyOf"]
        schema.update(kinds[0])
    if parameter["in"] == "path" and schema["pattern"] == ANY_TEXT:
        schema["not"] = {"enum": [".", ".."]}  # clients remove such segments from a URL
    if schema.get("type") == "array":
        parameter.update(style="form", explode=False)


def _whole_numbers(part: Any) -> None:
    """Makes limits whole numbers: FastAPI writes them as floats, 1000000000.0."""
    if isinstance(part, dict):
        for name, value in part.items():
            if isinstance(value, float) and value.is_integer():
                part[name] = int(value)
            else:
                _whole_numbers(value)
    elif isinstance(part, list):
        for value in part:
            _whole_numbers(value)
