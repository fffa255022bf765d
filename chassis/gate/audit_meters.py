"""Metrics of the always-on audit: set after each round, by the process that runs the rounds."""

from __future__ import annotations

from chassis import metrics
from chassis.gate.audit_state import AuditStatus

DRIFT = metrics.gauge("audit_drift_units", "Units of drift confirmed and repaired since the first walk", "direction")
SUSPECTS = metrics.gauge("audit_suspects", "Levels that differ now and are checked again")
REPAIRS = metrics.gauge("audit_repairs", "Rebuilds caused by drift since the first walk")
MISMATCHES = metrics.gauge("audit_journal_mismatches", "Numbers of the journal that contradict each other now")
ENDED = metrics.gauge("audit_ended_entries", "Entries of the gate whose reservation had ended, in the last walk")
LEVELS = metrics.gauge("audit_levels", "Levels that the last complete walk saw")
WALK_SECONDS = metrics.gauge("audit_walk_last_seconds", "How long the last complete walk took")
WALKED_AT = metrics.gauge("audit_walk_end_timestamp_seconds", "When the last complete walk ended; 0 before the first")


def show(status: AuditStatus) -> None:
    """Sets the metrics after a round."""
    DRIFT.of("up").set(status.drift_up_units)
    DRIFT.of("down").set(status.drift_down_units)
    SUSPECTS.set(status.suspects)
    REPAIRS.set(status.repairs)
    MISMATCHES.set(status.journal_mismatches)
    ENDED.set(status.ended_entries)
    LEVELS.set(status.levels)
    WALK_SECONDS.set(status.walk_ms / 1000)
    WALKED_AT.set(status.walk_end_ms / 1000)
