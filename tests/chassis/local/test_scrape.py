"""Prometheus' target list names every worker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chassis.local import scrape
from chassis.local.config import ROOT


def test_each_worker_of_each_service_is_a_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKERS", "2")
    monkeypatch.setenv("ORDER_WORKERS", "3")
    monkeypatch.setenv("PROMO_METRICS_ADDRESS", "")
    files = {path.stem: json.loads(path.read_text())[0]["targets"] for path in scrape.write(tmp_path)}
    assert files == {
        "edge": ["127.0.0.1:9150", "127.0.0.1:9160"],
        "inventory": ["127.0.0.1:9151", "127.0.0.1:9161"],
        "order": ["127.0.0.1:9152", "127.0.0.1:9162", "127.0.0.1:9172"],
        "promo": [],
        "webhook": ["127.0.0.1:9154", "127.0.0.1:9164"],
    }


def test_the_files_in_deploy_are_those_of_one_worker_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORKERS", raising=False)
    for path in scrape.write(tmp_path):
        assert (ROOT / "deploy/prometheus/targets" / path.name).read_text() == path.read_text()
