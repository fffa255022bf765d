"""An amount of money: whole minor units and the currency's code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Money:
    """Minor units (cents for EUR) of one ISO 4217 currency."""

    currency: str
    amount_minor: int
