"""A taken port is detected and reported with advice; a free one is detected again at the next start."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.config import ConfigError
from chassis.local import ports
from chassis.local.errors import CannotStart
from chassis.local.kept import Kept
from chassis.local.ports import Address


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_the_refusal_names_port_service_variable_and_a_free_port(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with pytest.raises(CannotStart) as refused:
        ports.refuse_taken([("edge", "EDGE_ADDRESS", Address("127.0.0.1", port))])
    line = str(refused.value)
    assert f"port {port} of the edge" in line
    assert "EDGE_ADDRESS=127.0.0.1:" in line
    assert "\n" not in line


def test_a_listener_that_shares_its_port_counts_as_taken() -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as server:
        assert ports.taken(Address("127.0.0.1", server.getsockname()[1]))


def test_a_wildcard_address_is_taken_when_its_local_side_is(listener: socket.socket) -> None:
    assert ports.taken(Address(ports.EVERYWHERE[1], listener.getsockname()[1]))


def test_a_free_port_is_not_taken() -> None:
    assert not ports.taken(Address("127.0.0.1", ports.free()))


def test_no_two_free_ports_are_the_same() -> None:
    given = [ports.free() for _ in range(50)]
    assert len(set(given)) == len(given)


def test_a_port_wanted_twice_is_refused_with_both_names() -> None:
    address = Address("127.0.0.1", ports.free())
    with pytest.raises(CannotStart, match=f"ORDER_ADDRESS={address}: the edge already uses that port"):
        ports.refuse_taken([("edge", "EDGE_ADDRESS", address), ("order", "ORDER_ADDRESS", address)])


def test_the_port_of_the_last_start_is_used_again(tmp_path: Path) -> None:
    first = ports.kept_or_free(Kept(tmp_path / "kept.json"), "postgres_port")
    assert ports.kept_or_free(Kept(tmp_path / "kept.json"), "postgres_port") == first


def test_a_kept_port_that_was_taken_meanwhile_is_replaced(tmp_path: Path, listener: socket.socket) -> None:
    kept = Kept(tmp_path / "kept.json")
    kept.put("postgres_port", listener.getsockname()[1])
    assert ports.kept_or_free(kept, "postgres_port") != listener.getsockname()[1]


@pytest.mark.parametrize("text", ["50051", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:0", "127.0.0.1:65536"])
def test_what_is_not_an_address_is_refused_with_its_variable(text: str) -> None:
    with pytest.raises((CannotStart, ConfigError), match="ORDER_ADDRESS"):
        Address.parse(text, "ORDER_ADDRESS")
