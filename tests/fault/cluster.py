"""The product in processes that a test may kill: servers behind proxies, services that are restarted."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from chassis.local import place, ports, postgres, valkey
from chassis.local.config import VARIABLES
from chassis.local.postgres import Postgres
from chassis.local.program import Program
from chassis.local.valkey import Valkey
from chassis.local.watchdog import Watchdog
from chassis.migrate import migrate
from chassis.services import DATABASES, EDGE, NAMES
from tests import servers
from tests.fault import config
from tests.fault.config import Settings
from tests.fault.proxy import Proxy
from tests.fault.supervised import Supervised
from tests.servers import Running

WITHIN_S = 60.0


class Cluster:
    """One Postgres and one Valkey, the services, and a proxy for each service in front of each server it uses."""

    def __init__(self, home: Path, settings: Settings) -> None:
        self.home = home
        self.points = home / "points"
        self.addresses = {name: f"127.0.0.1:{ports.free()}" for name in VARIABLES}
        self.token = secrets.token_urlsafe(32)
        self.ticket_key = secrets.token_urlsafe(24)
        self.proxies: dict[str, Proxy] = {}
        """`postgres:inventory`, `postgres:order`, `postgres:promo`, `valkey`."""
        self.services: dict[str, Supervised] = {}
        self.postgres: Running
        self.valkey: Running
        self._settings = settings
        self._watchdog = Watchdog()
        self._extra: list[Supervised] = []
        self._valkeys: list[Running] = []

    async def open(self) -> None:
        """Starts the servers, databases and the inventory service; the others start with `open_shop`."""
        self.postgres = await asyncio.to_thread(self._postgres)
        self.valkey = await self.new_valkey("valkey")
        for database in DATABASES.values():
            await asyncio.to_thread(migrate, database, self.database(database))
        for service in DATABASES:
            await self._proxy(f"postgres:{service}", self.postgres.url)
        await self._proxy("valkey", self.valkey.url)
        await self._service("inventory")

    async def open_shop(self) -> None:
        """Starts the other services and the edge; safe to repeat."""
        for service in (*NAMES, EDGE):
            if service not in self.services:
                await self._service(service)

    async def close(self) -> None:
        """Ends everything."""
        stopping = [*self.services.values(), *self._extra]
        await asyncio.gather(*(service.stop() for service in stopping))
        for proxy in self.proxies.values():
            await proxy.close()
        for server in (*self._valkeys, self.postgres):
            await asyncio.to_thread(server.close)
        self._watchdog.close()

    def database(self, name: str) -> str:
        """The URL of `inventory`, `orders` or `promo` that bypasses the proxies."""
        return urlunsplit(urlsplit(self.postgres.url)._replace(path=f"/{name}"))

    async def another(self, service: str) -> Supervised:
        """Starts a second process of a service at the same address; the caller stops it."""
        process = Supervised(service, self._environment(service), self.home / f"{service}-2.log", self._watchdog)
        self._extra.append(process)
        await process.start()
        return process

    async def new_valkey(self, name: str) -> Running:
        """One more Valkey, without a password: a proxy cannot authenticate when it reconnects."""
        home = self.home / name
        home.mkdir()
        server = Valkey(home, ports.free(), "")
        server.prepare()
        conf = home / "valkey.conf"
        conf.write_text(conf.read_text().replace("requirepass \n", ""))
        running = await self._run(f"redis://127.0.0.1:{server.port}/0", server.program, home / "valkey.log")
        self._valkeys.append(running)
        return running

    def _postgres(self) -> Running:
        server = Postgres(place.find(self.home), ports.free(), secrets.token_urlsafe(12))
        server.prepare()
        return Running(server.url, server.program, postgres.answers, self.home / "postgres.log")

    async def _run(self, url: str, program: Program, log: Path) -> Running:
        return await asyncio.to_thread(Running, url, program, valkey.answers, log)

    async def _proxy(self, name: str, url: str) -> None:
        proxy = self.proxies[name] = Proxy(upstream(url))
        await proxy.start(ports.free())

    async def _service(self, name: str) -> None:
        log = self.home / f"{name}.log"
        self.services[name] = Supervised(name, self._environment(name), log, self._watchdog)
        await self.services[name].start()

    def _environment(self, service: str) -> dict[str, str]:
        gate = f"redis://127.0.0.1:{self.proxies['valkey'].port}/0?protocol=2"
        streams = urlsplit(gate)._replace(path="/1")
        own = self.proxies[f"postgres:{service}" if service in DATABASES else "postgres:order"]
        address = urlsplit(self.postgres.url)
        password = f"{address.username}:{address.password}"
        return {
            **config.environment(),
            "DATABASE_URL": f"postgresql://{password}@127.0.0.1:{own.port}/postgres",
            "REDIS_URL": gate,
            "BROKER_URL": urlunsplit(streams),
            **{variable: self.addresses[name] for name, variable in VARIABLES.items()},
            "API_TOKEN": self.token,
            "TICKET_KEY": self.ticket_key,
            "PYTHONUNBUFFERED": "1",
            "WATCHDOG": "off",  # a process stopped for 90 s must resume without harm; the watchdog would end it
            "WORKERS": "1",
            **{f"{name.upper()}_METRICS_ADDRESS": "" for name in VARIABLES},
            config.POINTS_VARIABLE: str(self.points),
        }


def upstream(url: str) -> tuple[str, int]:
    """Host and port of a server's URL."""
    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or 0


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Cluster]:
    """A cluster of its own in a temporary folder, which is kept if the settings keep the output."""
    with servers.folder() as home:
        cluster = Cluster(home, settings)
        try:
            await cluster.open()
            yield cluster
        finally:
            await cluster.close()
            if settings.keep is not None:
                settings.keep.mkdir(parents=True, exist_ok=True)
                for log in (*home.glob("*.log"), *home.glob("*/*.log")):
                    with contextlib.suppress(OSError):
                        shutil.copy(log, settings.keep / f"{log.parent.name}-{log.name}")
