"""Probes and metrics, for the tools of operators."""

from __future__ import annotations

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import PlainTextResponse

from chassis import exposition
from edge import problems
from edge.answers import Answer
from edge.call import Call
from edge.operation import Operation
from edge.problems import Problem
from edge.routes.routers import ANY_PROBLEM, BEARER
from edge.schemas import system as schema

router = APIRouter(tags=["system"], route_class=Operation)

SERVING = "SERVING"


@router.get("/healthz", response_model=schema.HealthAnswer, summary="Check that this process is alive")
async def health(call: Call) -> Answer:  # noqa: ARG001 - every handler has it
    alive: schema.HealthAnswer = {"status": "ok"}
    return Answer(alive)


@router.get("/readyz", response_model=schema.ReadyAnswer, summary="Check that this process and its services are ready")
async def readiness(call: Call) -> Answer:
    if call.app.state.draining:
        raise problems.shutting_down()
    services = await call.clients.health()
    if all(status == SERVING for status in services.values()):
        ready: schema.ReadyAnswer = {"status": "ready", "services": services}
        return Answer(ready)
    absent = ", ".join(name for name, status in services.items() if status != SERVING)
    raise Problem(503, "DEPENDENCY_UNAVAILABLE", f"Not serving: {absent}.", services, headers=((b"retry-after", b"1"),))


@router.get(
    "/metrics",
    response_model=None,
    response_class=PlainTextResponse,
    summary="Read metrics in Prometheus' text format",
    responses=ANY_PROBLEM,
    dependencies=[BEARER],
)
async def metrics(call: Call) -> Answer:  # noqa: ARG001 - every handler has it
    return Answer(exposition.text(), content_type=CONTENT_TYPE_LATEST.encode())
