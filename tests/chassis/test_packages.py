"""The results of `pip wheel .` and `pip wheel ./gen`: complete, installable, and usable without the checkout.

No download is needed: the build backend is the installed one, and dependencies are those of the running environment.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests import config, databases
from tests.house import tree

SITE = Path(sysconfig.get_path("purelib"))
PACKAGES = (*tree.PRODUCT, "gen")
SHIPPED = (".py", ".pyi", ".typed", ".lua", ".sql", ".mako", ".json")
"""Files that the product reads or imports; READMEs stay in the checkout."""
KEPT = ("PATH", "HOME", "LANG", "TMPDIR")
STUBS_NEED = ("grpc", "google/protobuf", "typing_extensions.py")
FIRST_LINES = {
    "one-stock-inventory": "inventory: DATABASE_URL is not set",
    "one-stock-order": "order: DATABASE_URL is not set",
    "one-stock-promo": "promo: DATABASE_URL is not set",
    "one-stock-webhook": "webhook: DATABASE_URL is not set",
    "one-stock-edge": "edge: API_TOKEN is not set",
    "one-stock-migrate": "usage: one-stock-migrate inventory|orders|promo|webhooks",
}


def project(path: str) -> dict[str, object]:
    """The [project] table of a pyproject.toml."""
    table: dict[str, object] = tomllib.loads(tree.text(path))["project"]
    return table


def run(*command: str | Path, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Runs without the checkout on the path, and without the product's settings."""
    keep = {name: value for name, value in config.load().environment.items() if name in KEPT}
    return subprocess.run(  # noqa: S603 - our own programs
        [str(word) for word in command], cwd=cwd, env={**keep, **more}, capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Both wheels, built from a copy of the tracked files, because a build leaves folders behind."""
    scratch = tmp_path_factory.mktemp("wheels")
    copy = scratch / "checkout"
    tracked = [path for path in (*tree.files(), *tree.generated()) if not path.startswith("tests/")]
    for path in tracked:
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(tree.ROOT / path, copy / path)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-index", "--no-deps")
    made = run(*pip, "--no-build-isolation", "-w", scratch, ".", "./gen", cwd=copy)
    assert made.returncode == 0, made.stdout + made.stderr
    yield {path.name.split("-")[0]: path for path in scratch.glob("*.whl")}
    shutil.rmtree(scratch)


@pytest.fixture
def installed(tmp_path: Path) -> Callable[[Path], Path]:
    """Installs a wheel alone into a new environment; returns its folder."""

    def install(wheel: Path) -> Path:
        made = run(sys.executable, "-m", "venv", "--without-pip", "environment", cwd=tmp_path)
        assert made.returncode == 0, made.stderr
        python = tmp_path / "environment" / "bin" / "python"
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python, "install", "--no-index")
        done = run(*pip, "--no-deps", wheel, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        return tmp_path / "environment"

    return install


def site_of(environment: Path) -> Path:
    """Its site-packages."""
    [found] = environment.glob("lib/python*/site-packages")
    return found


def test_each_wheel_holds_every_file_that_its_packages_need(wheels: dict[str, Path]) -> None:
    wanted = {path for path in (*tree.files(), *tree.generated()) if path.endswith(SHIPPED)}
    for name, packages in (("one_stock", PACKAGES), ("one_stock_protos", ("gen",))):
        held = {path for path in zipfile.ZipFile(wheels[name]).namelist() if ".dist-info/" not in path}
        assert held == {path for path in wanted if path.split("/")[0] in packages}


def test_every_entry_point_runs_without_the_checkout(
    wheels: dict[str, Path], installed: Callable[[Path], Path], tmp_path: Path
) -> None:
    environment = installed(wheels["one_stock"])
    (site_of(environment) / "dependencies.pth").write_text(f"{SITE}\n")
    assert set(FIRST_LINES) == {path.name for path in (environment / "bin").glob("one-stock-*")}
    for program, line in FIRST_LINES.items():
        ended = run(environment / "bin" / program, cwd=tmp_path)
        assert (ended.returncode, ended.stderr.strip()) == (1, line)
    release = "from chassis import release; print(release.__file__, release.name())"
    said = run(environment / "bin" / "python", "-c", release, cwd=tmp_path)
    assert said.stdout.split() == [
        str(site_of(environment) / "chassis" / "release.py"),
        project("pyproject.toml")["version"],
    ]


def test_an_installed_migration_makes_a_whole_database(
    wheels: dict[str, Path], installed: Callable[[Path], Path], tmp_path: Path, postgres_url: str
) -> None:
    environment = installed(wheels["one_stock"])
    (site_of(environment) / "dependencies.pth").write_text(f"{SITE}\n")
    url = databases.named(postgres_url, "promo")
    try:
        done = run(environment / "bin" / "one-stock-migrate", "promo", cwd=tmp_path, DATABASE_URL=postgres_url)
        assert done.returncode == 0, done.stderr
        with psycopg.connect(url) as connection:
            functions = connection.execute("SELECT count(*) FROM pg_proc WHERE proname = 'number_events'").fetchone()
        assert (functions, urlsplit(url).path) == ((1,), "/promo")
    finally:
        databases.drop(url)


def test_the_stubs_work_alone(wheels: dict[str, Path], installed: Callable[[Path], Path], tmp_path: Path) -> None:
    environment = installed(wheels["one_stock_protos"])
    site = site_of(environment)
    for needed in STUBS_NEED:
        (site / needed).parent.mkdir(exist_ok=True)
        (site / needed).symlink_to(SITE / needed)
    modules = [path.removesuffix(".py").replace("/", ".") for path in tree.generated() if path.endswith(".py")]
    program = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)\n"
    program += "from gen.inventory.v1 import stock_service_pb2 as pb\nprint(pb.GetStockRequest(sku='A'))"
    said = run(environment / "bin" / "python", "-c", program, *modules, cwd=tmp_path)
    assert (said.returncode, said.stdout.strip()) == (0, 'sku: "A"'), said.stderr


def test_both_wheels_have_one_version_and_ask_for_the_same_libraries() -> None:
    whole, stubs = project("pyproject.toml"), project("gen/pyproject.toml")
    assert stubs["version"] == whole["version"]
    assert set(stubs["dependencies"]) <= set(whole["dependencies"])  # type: ignore[call-overload]
