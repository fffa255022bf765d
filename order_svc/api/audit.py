"""order.v1.AuditService."""

from __future__ import annotations

from typing import Any

from chassis import errors, pagination, timestamps
from gen.order.v1 import audit_pb2, audit_service_pb2_grpc
from gen.order.v1 import audit_service_pb2 as pb
from order_svc.app.auditing import SLICE, AuditOrders
from order_svc.app.repairing import RepairFinding
from order_svc.domain.audit import Finding, FindingState, Kind
from order_svc.domain.errors import FindingNotFound
from order_svc.store.audit_walk import AuditWalk
from order_svc.store.findings import Findings

PAGE = 50
QUERY = "audit-slices"
STAGES = ("ORDERS", "RESERVATIONS")


class AuditServicer(audit_service_pb2_grpc.AuditServiceServicer):
    """See the proto for what each method promises."""

    def __init__(self, audit: AuditOrders, repair: RepairFinding, findings: Findings, walk: AuditWalk) -> None:
        self._audit = audit
        self._repair = repair
        self._findings = findings
        self._walk = walk

    async def GetAuditStatus(self, request: pb.GetAuditStatusRequest, context: Any) -> pb.GetAuditStatusResponse:
        walk, (counts, suspects) = await self._walk.read(), await self._findings.counts()
        message = pb.GetAuditStatusResponse(
            stage=pb.GetAuditStatusResponse.Stage.Value(f"STAGE_{walk.stage}"),
            # A position among reservations is inventory's page token, which means nothing to people.
            position=walk.position if walk.stage == "ORDERS" else "",
            walk_milliseconds=walk.ended_ms,
            orders=walk.ended_orders,
            reservations=walk.ended_reservations,
            suspects=suspects,
            walk_end_time=None if walk.ended_at is None else timestamps.message(walk.ended_at),
        )
        for kind, count in sorted(counts.items()):
            message.counts.add(kind=_kind(kind), open=count)
        return message

    async def ListAuditFindings(
        self, request: pb.ListAuditFindingsRequest, context: Any
    ) -> pb.ListAuditFindingsResponse:
        state = _state(request.state or audit_pb2.AuditFinding.STATE_OPEN)
        query = f"audit-findings {state}"
        after = pagination.after(query, request.page_token, str, str) or ("", "")
        limit = request.page_size or PAGE
        found = await self._findings.page(state, after, limit + 1)
        page = found[:limit]
        token = pagination.token(query, [page[-1].order_id, page[-1].kind]) if len(found) > limit else ""
        return pb.ListAuditFindingsResponse(findings=map(finding_message, page), next_page_token=token)

    async def RunAudit(self, request: pb.RunAuditRequest, context: Any) -> pb.RunAuditResponse:
        stage, position = pagination.after(QUERY, request.page_token, str, str) or ("ORDERS", "")
        limit = request.page_size or SLICE
        looked, findings, following = await self._audit.run(request.order_id, stage, position, limit)
        token = ""
        if following:
            token = pagination.token(QUERY, [stage, following])
        elif stage == "ORDERS" and not request.order_id:
            token = pagination.token(QUERY, ["RESERVATIONS", ""])
        return pb.RunAuditResponse(
            findings=map(finding_message, findings),
            next_page_token=token,
            orders=looked.orders,
            reservations=looked.reservations,
            moving=looked.moving,
        )

    async def RepairAuditFinding(
        self, request: pb.RepairAuditFindingRequest, context: Any
    ) -> pb.RepairAuditFindingResponse:
        order_id, _, kind = request.finding_id.rpartition("/")
        if not order_id or kind.upper() not in set(Kind):
            raise FindingNotFound(request.finding_id)
        return pb.RepairAuditFindingResponse(
            finding=finding_message(await self._repair.repair(order_id, Kind(kind.upper())))
        )


def finding_message(finding: Finding) -> audit_pb2.AuditFinding:
    """The message of a finding."""
    return audit_pb2.AuditFinding(
        finding_id=finding.finding_id,
        order_id=finding.order_id,
        kind=_kind(finding.kind),
        state=audit_pb2.AuditFinding.State.Value(f"STATE_{finding.state}"),
        detail=finding.detail,
        first_seen_time=timestamps.message(finding.first_seen_at),
        report_time=None if finding.reported_at is None else timestamps.message(finding.reported_at),
        end_time=None if finding.ended_at is None else timestamps.message(finding.ended_at),
        repair_outcome=finding.repair_outcome,
    )


def _state(number: int) -> FindingState:
    """The store's name of the state. FIELD_INVALID for a number that only a newer release may know."""
    for state in (FindingState.OPEN, FindingState.REPAIRED, FindingState.GONE):
        if audit_pb2.AuditFinding.State.Value(f"STATE_{state}") == number:
            return state
    raise errors.invalid("state", "FIELD_INVALID", f"{number} is not a known state")


def _kind(kind: Kind) -> audit_pb2.AuditFinding.Kind.ValueType:
    return audit_pb2.AuditFinding.Kind.Value(f"KIND_{kind}")
