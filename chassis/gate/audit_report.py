"""The audit's findings and status: as text, and as common.v1.AuditStatus and AuditFinding in protobuf's JSON mapping."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from chassis.gate.audit_state import AuditStatus, Mismatch
from chassis.gate.drift import Drift


def drift_text(drift: Drift) -> str:
    """One line for people."""
    which = "too many" if drift.units > 0 else "too few"
    return f"{drift.key}: gate has {drift.found}, journal {drift.expected}: {abs(drift.units)} {which}"


def mismatch_text(mismatch: Mismatch) -> str:
    """One line for people."""
    return f"{mismatch.key}: the level has {mismatch.found}, its {mismatch.number} add up to {mismatch.expected}"


def drift_payload(drift: Drift, epoch: int, now_ms: int) -> dict[str, Any]:
    """The event for a wrong number of the gate, which is being rebuilt from the journal."""
    kind = "KIND_DRIFT_UP" if drift.units > 0 else "KIND_DRIFT_DOWN"
    finding = _finding(drift.key, kind, drift.expected, drift.found, "ACTION_REBUILD", now_ms)
    return {"finding": {**finding, "number": "available", "cause": f"CAUSE_{drift.cause}", "epoch": epoch}}


def mismatch_payload(mismatch: Mismatch, now_ms: int) -> dict[str, Any]:
    """The event for a contradiction inside the journal: a person decides."""
    finding = _finding(mismatch.key, "KIND_JOURNAL", mismatch.expected, mismatch.found, "ACTION_REPORTED", now_ms)
    return {"finding": {**finding, "number": mismatch.number, "cause": "CAUSE_UNKNOWN"}}


def status_payload(status: AuditStatus) -> dict[str, Any]:
    """The audit's status."""
    payload: dict[str, Any] = {
        "walk_milliseconds": status.walk_ms,
        "levels": status.levels,
        "suspects": status.suspects,
        "drift_up_units": status.drift_up_units,
        "drift_down_units": status.drift_down_units,
        "repairs": status.repairs,
        "journal_mismatches": status.journal_mismatches,
        "ended_entries": status.ended_entries,
        "leftover_keys": status.leftover_keys,
        "examples": status.examples,
    }
    if status.walk_end_ms:
        payload["walk_end_time"] = _instant(status.walk_end_ms)
    if status.drift_ms:
        payload["drift_time"] = _instant(status.drift_ms)
    return payload


def _finding(key: str, kind: str, expected: int, found: int, action: str, now_ms: int) -> dict[str, Any]:
    return {
        "key": key,
        "kind": kind,
        "expected": expected,
        "found": found,
        "drift": found - expected,
        "action": action,
        "find_time": _instant(now_ms),
    }


def _instant(unix_ms: int) -> str:
    return datetime.fromtimestamp(unix_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
