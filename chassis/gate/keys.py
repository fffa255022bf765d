"""Every Redis key of a gate. All keys of a partition share one hash tag, hence one slot of a cluster."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GateKeys:
    """Keys of one partition; `prefix` is `inv` for stock and `pro` for promotion uses."""

    prefix: str
    partition: int

    @property
    def pointer(self) -> str:
        """Text: the current epoch."""
        return f"{{{self.prefix}:{self.partition}}}:epoch"

    @property
    def epochs(self) -> str:
        """Set: every epoch that may have keys."""
        return f"{{{self.prefix}:{self.partition}}}:epochs"

    def available(self, epoch: int) -> str:
        """Hash: counter key -> what may still be taken (available + backorder limit)."""
        return f"{{{self.prefix}:{self.partition}}}:{epoch}:available"

    def reservations(self, epoch: int) -> str:
        """Hash: reservation id -> JSON [fingerprint, take, [[counter key, quantity], ...], expires ms]."""
        return f"{{{self.prefix}:{self.partition}}}:{epoch}:reservations"

    def due(self, epoch: int) -> str:
        """Sorted set: reservation id -> unix ms at which the sweeper looks at it."""
        return f"{{{self.prefix}:{self.partition}}}:{epoch}:due"

    def applied(self, epoch: int) -> str:
        """Sorted set: adjustment id -> when it was applied."""
        return f"{{{self.prefix}:{self.partition}}}:{epoch}:applied"

    def mark(self, epoch: int) -> str:
        """Text `number:token`: the newest mark of the journal that the gate has seen in this epoch."""
        return f"{{{self.prefix}:{self.partition}}}:{epoch}:mark"

    def of_script(self, epoch: int) -> list[str]:
        """The keys of the scripts that take and give, in their order."""
        return [self.pointer, self.available(epoch), self.reservations(epoch), self.due(epoch)]

    def of_epoch(self, epoch: int) -> list[str]:
        """All keys of one epoch."""
        return [self.available(epoch), self.reservations(epoch), self.due(epoch), self.applied(epoch), self.mark(epoch)]
