"""The gate-and-journal mechanism of the chassis, put together for promotion uses."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.db import Database
from chassis.gate.adjustments import Adjustments
from chassis.gate.audit import Audit
from chassis.gate.claims import Claims
from chassis.gate.epochs import Epochs
from chassis.gate.gate import Gate
from chassis.gate.journal import Journal
from chassis.gate.keys import GateKeys
from chassis.gate.sweep import Sweeper
from chassis.redis import Client
from promo_svc.store.keys import GATE_PREFIX, PARTITION


@dataclass(frozen=True)
class Counters:
    """The parts of the mechanism, over one gate and one journal."""

    gate: Gate
    journal: Journal
    epochs: Epochs
    claims: Claims
    adjustments: Adjustments
    audit: Audit
    sweeper: Sweeper


def build(database: Database, redis: Client) -> Counters:
    """Wires the parts; nothing runs yet."""
    gate = Gate(redis, GateKeys(GATE_PREFIX, PARTITION))
    journal = Journal(database, PARTITION, "redemptions")
    epochs = Epochs(database, gate, PARTITION, "usage_levels", "redemptions")
    claims = Claims(gate, journal, epochs)
    return Counters(
        gate=gate,
        journal=journal,
        epochs=epochs,
        claims=claims,
        adjustments=Adjustments(database, gate, PARTITION),
        audit=Audit(database, gate, epochs, PARTITION, "usage_levels", "usage_movements", "redemptions"),
        sweeper=Sweeper(gate, journal, epochs, claims),
    )
