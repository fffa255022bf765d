"""The registry of services: everything else is made from it, so a new service is one line beside its own folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx
import psycopg
import pytest

from chassis import config, services
from tests import stack as stacks
from tests.house import tree

LINE = '    Service("order", "orders", 50052, 9152),\n'
DUMMY = {
    "__init__.py": "",
    "config.py": """from dataclasses import dataclass

from chassis import config
from chassis.events import config as events


@dataclass(frozen=True)
class Settings:
    address: str
    database_url: str
    broker_url: str
    events_content_type: str


def load() -> Settings:
    address, url = config.listening_address("dummy"), config.database_url("dummy")
    return Settings(address, url, events.broker_url(), events.content_type())
""",
    "__main__.py": """from chassis import process
from chassis.db import Database
from chassis.events.source import EventSource
from chassis.server import Server
from dummy_svc import config


async def serve(settings: config.Settings) -> None:
    db = Database(settings.database_url, application="dummy")
    await db.open()
    events_out = EventSource(db, settings.broker_url, "dummy", (), settings.events_content_type)

    async def ready() -> bool:
        return await db.first_row("SELECT FROM dummies LIMIT 1", ()) is None

    server = Server(settings.address, [events_out.servicer], {}, ready)
    await server.start()
    await server.run_until_stopped()
    await events_out.close()
    await db.close()


def main() -> None:
    process.run("dummy", config.load, serve)


if __name__ == "__main__":
    main()
""",
    "migrations/__init__.py": "",
    "migrations/env.py": "from chassis.migrate import run_environment\n\nrun_environment()\n",
    "migrations/versions/0002_dummies.py": """from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE dummies (id text PRIMARY KEY)")
""",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the product with one more service: its folder, and one line in the registry."""
    for path in (*tree.files(), *tree.generated()):
        if path.split("/")[0] not in ("tests", "docs", "deploy"):
            copy = tmp_path / path
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(tree.ROOT / path, copy)
    for name, text in DUMMY.items():
        file = tmp_path / "dummy_svc" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    versions = tmp_path / "dummy_svc/migrations/versions"
    shutil.copyfile(tree.ROOT / "webhook_svc/migrations/versions/0001_webhooks.py", versions / "0001_webhooks.py")
    registry = tmp_path / "chassis/services.py"
    registry.write_text(registry.read_text().replace(LINE, LINE + '    Service("dummy", "dummy", 50055, 9155),\n'))
    return tmp_path


def test_a_new_service_runs_after_one_line_in_the_registry(checkout: Path) -> None:
    with stacks.running(checkout, DUMMY_ADDRESS=stacks.free_address()) as stack:
        assert stack.pid("dummy") is not None
        assert stack.address("dummy") == stack.environment["DUMMY_ADDRESS"]
        with psycopg.connect(stack.database("dummy")) as connection:
            assert connection.execute("SELECT count(*) FROM dummies").fetchone() == (0,)
        assert httpx.get(f"{stack.edge}/readyz", timeout=30).status_code == 200


def test_names_databases_and_ports_are_unique() -> None:
    for field in ("name", "database", "port", "metrics_port"):
        values = [getattr(service, field) for service in services.SERVICES]
        assert len(set(values)) == len(values), field


def test_with_a_base_port_the_edge_is_first_and_services_follow_by_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASE_PORT", "9000")
    for name in services.PROCESSES:
        monkeypatch.delenv(f"{name.upper()}_ADDRESS", raising=False)
    addresses = [config.address(name) for name in ("edge", "inventory", "order", "promo", "webhook")]
    assert addresses == [f"127.0.0.1:{9000 + place}" for place in range(5)]


def test_every_package_of_the_registry_is_there() -> None:
    missing = [package for package in services.PACKAGES.values() if not (tree.ROOT / package / "__main__.py").is_file()]
    assert not missing
    found = {path.name for path in tree.ROOT.glob("*_svc") if path.is_dir()}
    assert found == set(services.PACKAGES.values()) - {"edge"}
