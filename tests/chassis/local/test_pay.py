"""`make pay`: its errors if there is nothing to pay. A successful payment is tested on the whole product."""

from __future__ import annotations

from pathlib import Path

import pytest

from chassis.local import pay


@pytest.mark.parametrize("arguments", [[], ["", ""], ["ord_1", "perhaps"], ["../skus", ""]])
def test_it_says_how_it_is_used(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    monkeypatch.setattr("sys.argv", ["pay", *arguments])
    with pytest.raises(SystemExit, match="usage: make pay ORDER="):
        pay.main()


def test_nothing_that_runs_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOCAL_DIR", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["pay", "ord_1"])
    with pytest.raises(SystemExit, match=r"nothing runs here \(.*run\.json does not exist\): start `make run`"):
        pay.main()
