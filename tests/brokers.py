"""Real brokers for tests, each with its own folder and ports: Valkey, RabbitMQ, NATS, and librdkafka's mock of Kafka."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from chassis.events.event import PARTITIONS
from chassis.local import ports, valkey
from chassis.local.program import Program
from chassis.local.valkey import Valkey
from tests import kafka_mock, servers
from tests.servers import Running

NAMES = ("redis", "kafka", "rabbitmq", "nats")
ANSWER_S = 1.0
SESSION_MS = 2_000
BEAT_MS = 200
PATH = f"/usr/local/sbin:/usr/sbin:/sbin:{os.defpath}"
INSTALL = "apt-get install --no-install-recommends"


class Server(Protocol):
    """A broker that a test may kill and restart."""

    url: str

    def kill(self) -> None:
        """Ends it as a crash would."""

    def start(self) -> None:
        """Restarts it, with all confirmed data."""

    def make_source(self, source: str) -> None:
        """Creates the objects that a new source needs before its first event, mostly none."""


def missing(name: str) -> str | None:
    """Why a broker cannot be tested here; None if it can."""
    if name == "rabbitmq" and (_rabbitmq() is None or _found("epmd") is None):
        return f"NOT TESTED: RabbitMQ is not installed: {INSTALL} rabbitmq-server"
    if name == "nats" and _found("nats-server") is None:
        return f"NOT TESTED: NATS is not installed: {INSTALL} nats-server"
    if name == "kafka" and kafka_mock.library() is None:
        return "NOT TESTED: confluent-kafka with a librdkafka of its own is not installed"
    return None


@contextlib.contextmanager
def running(name: str) -> Iterator[Server]:
    """A broker by name, which runs for the duration of the context."""
    with _STARTS[name]() as server:
        yield server


class _Process:
    """A broker that is a process."""

    def __init__(self, url: str, process: Running) -> None:
        self.url = url
        self._process = process

    def kill(self) -> None:
        self._process.kill()

    def start(self) -> None:
        self._process.start()

    def make_source(self, source: str) -> None:
        """Does nothing: the broker creates them itself."""


@contextlib.contextmanager
def _running(program: Program, url: str, answers: Callable[[str], str | None]) -> Iterator[Server]:
    process = Running(url, program, answers, program.folder / f"{program.name}.log")
    try:
        yield _Process(url, process)
    finally:
        process.close()


@contextlib.contextmanager
def _redis() -> Iterator[Server]:
    """A Valkey that writes all confirmed data to disk."""
    with servers.folder() as home:
        server = Valkey(home, ports.free(), secrets.token_urlsafe(12))
        server.prepare()
        with (home / "valkey.conf").open("a") as settings:
            settings.write(f"dir {home}\nappendonly yes\nappendfsync always\n")
        with _running(server.program, server.url, valkey.answers) as one:
            yield one


@contextlib.contextmanager
def _nats() -> Iterator[Server]:
    with servers.folder() as home:
        port = ports.free()
        settings = home / "nats.conf"
        settings.write_text(f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{home}/data" }}\n')
        program = Program(
            name="nats",
            command=(str(_found("nats-server")), "-c", str(settings)),
            environment={"PATH": PATH},
            folder=home,
        )
        with _running(program, f"nats://127.0.0.1:{port}", _says_info) as one:
            yield one


@contextlib.contextmanager
def _rabbit() -> Iterator[Server]:
    """RabbitMQ with its own epmd: the machine's would register this node and outlive the test."""
    with servers.folder() as home:
        epmd, port, dist = ports.free(), ports.free(), ports.free()
        settings = home / "rabbitmq.conf"
        settings.write_text("log.console = true\nlog.console.level = warning\nlog.file = false\n")
        environment = {
            "PATH": PATH,
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
            "ERL_EPMD_PORT": str(epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"one-stock-{port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(dist),
            "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_CONFIG_FILE": str(settings),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(home / "pid"),
            "RUNNING_UNDER_SYSTEMD": "true",  # so that its script becomes the server and can be killed as one process
        }
        mapper = Program("epmd", (str(_found("epmd")), "-port", str(epmd)), environment, home)
        program = Program("rabbitmq", (str(_rabbitmq()),), environment, home)
        with _running(mapper, f"tcp://127.0.0.1:{epmd}", _accepts):
            with _running(program, f"amqp://guest:guest@127.0.0.1:{port}/", _speaks_amqp) as one:
                yield one


class _Kafka:
    """Kafka's stand-in. It drops connections and accepts none, which is all that a client sees of a crash."""

    def __init__(self, path: Path) -> None:
        self.mock = kafka_mock.KafkaMock(path)
        # Unlike a real cluster, it lets a group without members wait until the session of the last one ends.
        self.url = f"kafka://{self.mock.address}?session.timeout.ms={SESSION_MS}&heartbeat.interval.ms={BEAT_MS}"

    def kill(self) -> None:
        self.mock.go()

    def start(self) -> None:
        self.mock.come_back()

    def make_source(self, source: str) -> None:
        self.mock.make_topic(f"events.{source}", PARTITIONS)


@contextlib.contextmanager
def _kafka() -> Iterator[Server]:
    path = kafka_mock.library()
    assert path is not None
    server = _Kafka(path)
    try:
        yield server
    finally:
        server.mock.close()


_STARTS = {"redis": _redis, "kafka": _kafka, "rabbitmq": _rabbit, "nats": _nats}


def _found(program: str) -> str | None:
    return shutil.which(program, path=PATH)


def _rabbitmq() -> str | None:
    """RabbitMQ's own script: Debian's in the PATH runs for two accounts only."""
    own = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmq-server"))
    return str(own[-1]) if own else _found("rabbitmq-server")


def _accepts(url: str) -> str | None:
    return _first_bytes(url, b"", 0)


def _says_info(url: str) -> str | None:
    return _first_bytes(url, b"", 4)


def _speaks_amqp(url: str) -> str | None:
    return _first_bytes(url, b"AMQP\x00\x00\x09\x01", 4)


def _first_bytes(url: str, greeting: bytes, wanted: int) -> str | None:
    """None if the server accepts a connection and sends its greeting, else the reason."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname, parts.port), ANSWER_S) as connection:
            connection.sendall(greeting)
            said = connection.recv(wanted) if wanted else b""
    except OSError as error:
        return str(error)
    return None if len(said) == wanted else "it sends nothing"


def main() -> int:
    """Prints for each broker whether it can be tested here; used by .ci/servers."""
    for name in NAMES:
        sys.stdout.write(f"{name}: {missing(name) or 'can be tested'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
