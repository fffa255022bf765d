"""Files of `.local` are replaced atomically and are readable by their owner only."""

from __future__ import annotations

import json
import stat
import threading
from pathlib import Path

import pytest

from chassis.local.kept import Kept, write_private
from edge.config import LEAST_KEY_CHARACTERS


def test_only_the_owner_reads_the_file(tmp_path: Path) -> None:
    write_private(tmp_path / "run.json", {"token": "t"})
    assert stat.S_IMODE((tmp_path / "run.json").stat().st_mode) == 0o600


def test_a_reader_never_sees_half_a_document(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_private(path, {"filling": "x" * 100_000, "round": 0})
    done = threading.Event()

    def rewrite() -> None:
        for turn in range(200):
            write_private(path, {"filling": "x" * 100_000, "round": turn})
        done.set()

    writer = threading.Thread(target=rewrite)
    writer.start()
    while not done.is_set():
        assert len(json.loads(path.read_text())["filling"]) == 100_000
    writer.join()


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    write_private(tmp_path / "run.json", {"round": 1})
    with pytest.raises(TypeError):
        write_private(tmp_path / "run.json", {"round": object()})
    assert json.loads((tmp_path / "run.json").read_text()) == {"round": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    first = Kept(tmp_path / "kept.json").secret("token")
    assert Kept(tmp_path / "kept.json").secret("token") == first
    assert len(first) >= 24


def test_a_secret_stays_the_same_and_is_long_enough_to_sign_tickets(tmp_path: Path) -> None:
    first = Kept(tmp_path / "kept.json").secret("ticket_key")
    assert Kept(tmp_path / "kept.json").secret("ticket_key") == first
    assert len(first) >= LEAST_KEY_CHARACTERS
