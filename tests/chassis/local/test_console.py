"""Output of children is prefixed, and structured lines are printed as words."""

from __future__ import annotations

import pytest

from chassis.local.console import Console


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("plain words", "plain words"),
        ('{"event": "gate.rebuilt", "epoch": 7, "level": "info", "timestamp": "now"}', "gate.rebuilt epoch=7"),
        ('{"event": "rpc.failed", "level": "error", "exception": "Trace"}', "error rpc.failed\nTrace"),
        ('{"half": ', '{"half": '),
        ('{"no": "event"}', '{"no": "event"}'),
    ],
)
def test_a_line_of_a_child(written: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    Console(colour=True).child("edge", written)  # a test's output is not a terminal, so it has no colour
    assert capsys.readouterr().out == f"edge      | {shown}\n"
