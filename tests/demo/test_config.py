"""The places where `make demo` looks for the running product."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.demo import config

RUN = {
    "edge": "http://127.0.0.1:1",
    "inventory": "127.0.0.1:2",
    "order": "127.0.0.1:3",
    "promo": "127.0.0.1:4",
    "token": "t",
    "webhook_secret": "w",
    "databases": {"orders": "postgresql://127.0.0.1/orders"},
}


def test_the_run_of_the_chosen_folder_is_played_against(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RUN_JSON", raising=False)
    monkeypatch.setenv("LOCAL_DIR", str(tmp_path))
    with pytest.raises(config.ConfigError, match=r"nothing runs here \(.*run\.json does not exist\)"):
        config.running()
    (tmp_path / "run.json").write_text(json.dumps(RUN))
    assert config.running().edge == RUN["edge"]
    other = tmp_path / "other.json"
    other.write_text(json.dumps({**RUN, "edge": "http://127.0.0.1:9"}))
    monkeypatch.setenv("RUN_JSON", str(other))
    assert config.running().edge == "http://127.0.0.1:9"
