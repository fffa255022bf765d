"""Rules that schemathesis cannot know: signatures, the product's ids, and that no request may leave this machine."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import requests
import schemathesis
from schemathesis import Case, HookContext, Response
from schemathesis.checks import CheckContext
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import is_unexpected_http_status_case

from edge.openapi.document import REASONS_KEY, RULES_KEY
from edge.webhooks import standard
from tests.fuzz.rest.goods import UNREACHABLE

PATIENT_MS = 20_000
INDEX = re.compile(r"\[\d+\]")
URL = re.compile(r"https?://[!-~]+")


def register(webhook_secret: str) -> None:
    """Registers the hooks with schemathesis; once per process."""
    (key,) = standard.keys(webhook_secret)

    @schemathesis.hook
    def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
        _be_patient(case)
        _write_whole_numbers_whole(case)
        _stay_here(case)
        _leave_no_gap(case)
        if case.operation.path == "/v1/webhooks/sandbox" and _positive(case, ParameterLocation.HEADER):
            kwargs["auth"] = _signature(key)

    schemathesis.check(refused_as_documented)


def refused_as_documented(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """A refusal has a reason that the operation documents; a refusal of valid input does not concern a field's own schema."""
    if response.status_code < 400 or is_unexpected_http_status_case(case):
        return
    answers = case.operation.definition.raw["responses"]
    documented = answers.get(str(response.status_code), {})
    problem = response.json()
    assert problem["status"] == response.status_code, "the problem has another status"
    assert problem["reason"] in documented.get(REASONS_KEY, ()), (
        f"{problem['reason']} is not documented for this status"
    )
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code != 422:
        return
    if problem["reason"] in ("FIELD_INVALID", "FIELD_REQUIRED"):
        fields = {INDEX.sub("[]", error["field"]) for error in problem["errors"]}
        unruly = fields - set(documented.get(RULES_KEY, ())) - _wrong_headers(case)
        assert not unruly, f"valid input was refused: {problem['detail']}"


def _wrong_headers(case: Case[Any]) -> set[str]:
    """Headers that do not match the document's own pattern: schemathesis sometimes generates one and calls it valid."""
    values = {name.lower(): str(value) for name, value in (case.headers or {}).items()}
    wrong = set()
    for parameter in case.operation.definition.raw.get("parameters", ()):
        pattern, value = parameter.get("schema", {}).get("pattern"), values.get(str(parameter.get("name")).lower())
        if pattern and value is not None and not re.fullmatch(pattern.removesuffix("$"), value):
            wrong.add(parameter["name"])
    return wrong


def _be_patient(case: Case[Any]) -> None:
    """A caller that sets a timeout of a millisecond gets 504, as documented; that is not a finding."""
    for name, value in list((case.headers or {}).items()):
        if name.lower() == "x-request-timeout-ms" and str(value).isdigit() and 1 <= int(value) < PATIENT_MS:
            case.headers[name] = str(PATIENT_MS)


def _write_whole_numbers_whole(case: Case[Any]) -> None:
    """2.0 is an integer to JSON Schema, which cannot say otherwise, but not to the edge: the document says so in words."""
    if isinstance(case.body, (dict, list)):
        case.body = _without_fractions(case.body)


def _without_fractions(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_fractions(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_fractions(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _stay_here(case: Case[Any]) -> None:
    """Endpoints lead to a closed port of this machine: otherwise webhook_svc could send events to a real host."""
    body = case.body
    if isinstance(body, dict) and isinstance(url := body.get("url"), str) and URL.fullmatch(url):
        body["url"] = UNREACHABLE


def _leave_no_gap(case: Case[Any]) -> None:
    """A guest's order has an empty customer id, which schemathesis reuses in paths: without it they are other paths."""
    for name, value in list((case.path_parameters or {}).items()):
        if value == "":
            case.path_parameters[name] = "nobody"


def _positive(case: Case[Any], location: ParameterLocation) -> bool:
    component = case.meta.components.get(location) if case.meta else None
    return component is None or component.mode.is_positive


def _signature(key: bytes) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body.encode() if isinstance(request.body, str) else request.body
        assert isinstance(body, bytes), "a JSON body is sent whole"
        stamp = str(int(time.time()))
        message_id = f"msg_{time.monotonic_ns()}"
        signature = standard.signature(key, message_id, stamp, body)
        request.headers.update(
            {"webhook-id": message_id, "webhook-timestamp": stamp, "webhook-signature": signature.decode()}
        )
        return request

    return sign
