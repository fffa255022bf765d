"""Judges one load: the answers that clients received against the journal. Pure; the invariants are the protocol's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tests.fault.books import Books, Row
from tests.fault.ledger import Entry

KEPT = ("ACTIVE", "COMMITTED")
ENDS = {"COMMITTED": "COMMIT", "RELEASED": "RELEASE", "EXPIRED": "EXPIRE"}
EXAMPLES = 8


@dataclass(slots=True)
class Verdict:
    """Numbers that must be zero, and a few examples of what breaks them."""

    oversold: int = 0
    """Units sold beyond stock, numbers below zero, numbers that do not add up (I1, I2, I3)."""
    lost: int = 0
    """Acknowledgements that the journal does not confirm (I4)."""
    stranded: int = 0
    """Units or reservations that no client holds and no client can get (I6)."""
    events: int = 0
    """Changes of state without exactly one event (I7)."""
    examples: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """True if there are no findings."""
        return not (self.oversold or self.lost or self.stranded or self.events)

    def note(self, text: str) -> None:
        """Keeps the first few examples."""
        if len(self.examples) < EXAMPLES:
            self.examples.append(text)

    def join(self, other: Verdict) -> None:
        """Adds another verdict."""
        self.oversold += other.oversold
        self.lost += other.lost
        self.stranded += other.stranded
        self.events += other.events
        for example in other.examples:
            self.note(example)


def judge(entries: Iterable[Entry], stock: Mapping[str, int], books: Books) -> Verdict:
    """Returns the whole verdict on one load; `stock` is the initial stock of each of its skus."""
    verdict = Verdict()
    known = list(entries)
    _sold(verdict, known, stock, books)
    for entry in known:
        _kept(verdict, entry, books.rows.get(entry.id))
    for row in books.rows.values():
        _moved(verdict, row, books)
        _told(verdict, row, books)
    return verdict


def _sold(verdict: Verdict, entries: list[Entry], stock: Mapping[str, int], books: Books) -> None:
    """Compares units per sku by rows, by acknowledgements and by level; none may exceed the stock."""
    by_rows: Counter[str] = Counter()
    for row in books.rows.values():
        if row.state in KEPT:
            by_rows.update(row.lines)
    by_word: Counter[str] = Counter()
    for entry in entries:
        if entry.settled == "COMMITTED":
            for sku, units in entry.lines:
                by_word[sku] += units
    for sku, units in stock.items():
        on_hand, reserved, committed, unavailable, backorder = books.levels[sku]
        numbers = {"rows": by_rows[sku], "told": by_word[sku], "level": reserved + committed}
        for name, sold in numbers.items():
            if sold > units:
                verdict.oversold += sold - units
                verdict.note(f"{sku}: {sold} sold of {units} ({name})")
        if min(on_hand, reserved, committed, unavailable, backorder) < 0 or reserved + committed != by_rows[sku]:
            verdict.oversold += 1
            verdict.note(f"{sku}: level says {reserved} reserved, {committed} committed; rows say {by_rows[sku]}")


def _kept(verdict: Verdict, entry: Entry, row: Row | None) -> None:
    """Compares the answers that one client received with the row."""
    wrong = _broken_word(entry, row)
    if wrong:
        verdict.lost += 1
        verdict.note(f"{entry.id}: {wrong}, is {row.state if row else 'absent'}")
    refused_for_sure = entry.refused and not entry.held and not entry.unknown
    if refused_for_sure and row is not None and row.state != "ABORTED":
        verdict.stranded += 1
        verdict.note(f"{entry.id}: refused with {entry.refused}, is {row.state}")


def _broken_word(entry: Entry, row: Row | None) -> str:
    """The answer that the row contradicts; empty if there is none."""
    state = row.state if row else "absent"
    if not entry.held:
        return "committed without a claim" if state == "COMMITTED" else ""
    if row is None or state == "ABORTED":
        return "acknowledged"
    if dict(row.lines) != _merged(entry):
        return f"acknowledged with {dict(entry.lines)}, has {dict(row.lines)}"
    if entry.settled and state != entry.settled:
        return f"told {entry.settled}"
    if row.expires_ms < entry.expires_ms:
        return f"acknowledged until {entry.expires_ms}, holds until {row.expires_ms}"
    if not entry.settled:
        allowed = {"ACTIVE", "EXPIRED"}
        if entry.settle_asked and not entry.settle_refused:  # without an answer it may have been done
            allowed.add("RELEASED" if entry.intent == "release" else "COMMITTED")
        if state not in allowed:
            return "acknowledged and not settled by its client"
    return ""


def _merged(entry: Entry) -> dict[str, int]:
    units: Counter[str] = Counter()
    for sku, quantity in entry.lines:
        units[sku] += quantity
    return dict(units)


def _moved(verdict: Verdict, row: Row, books: Books) -> None:
    """Each reservation took stock once and returned it once."""
    units = sum(row.lines.values())
    expected: dict[str, tuple[int, int]] = {}
    if row.state != "ABORTED":
        expected["RESERVE"] = (units, 0)
    if row.state in ENDS:
        expected[ENDS[row.state]] = (-units, units if row.state == "COMMITTED" else 0)
    found = dict(books.moves.get(row.id, {}))
    if found != expected:
        verdict.oversold += 1
        verdict.note(f"{row.id}: {row.state} with movements {found}")


def _told(verdict: Verdict, row: Row, books: Books) -> None:
    """Each change of state has exactly one event; extensions may repeat."""
    kinds = {"ABORTED": ("aborted",), "ACTIVE": ("created",)}.get(row.state, ("created", row.state.lower()))
    found = Counter(books.events.get(row.id, Counter()))
    found.pop("extended", None)
    if found != Counter(kinds):
        verdict.events += 1
        verdict.note(f"{row.id}: {row.state} with events {dict(found)}")
