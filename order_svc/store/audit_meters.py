"""Metrics of the audit across services."""

from __future__ import annotations

from collections.abc import Mapping

from chassis import metrics
from order_svc.domain.audit import Kind
from order_svc.store.audit_walk import Walk

OPEN = metrics.gauge("order_audit_findings", "Open findings of the audit across services", "kind")
SUSPECTS = metrics.gauge("order_audit_suspects", "Contradictions that were seen once and await a second look")
AGE = metrics.gauge("order_audit_walk_age_seconds", "Time since the last whole walk over orders and reservations ended")
REPAIRS = metrics.counter("order_audit_repairs_total", "Repairs of findings that were requested", "outcome")


def show(counts: tuple[Mapping[Kind, int], int], walk: Walk) -> None:
    """Sets the gauges after a round, in the process that walks."""
    for kind in Kind:
        OPEN.of(kind.lower()).set(counts[0].get(kind, 0))
    SUSPECTS.set(counts[1])
    if walk.ended_at is not None:
        AGE.set((walk.now - walk.ended_at).total_seconds())
