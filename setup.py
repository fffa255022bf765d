"""The programs of the package: one per process of the registry, so that a new service needs no line here."""

from __future__ import annotations

import runpy

from setuptools import setup

PACKAGES: dict[str, str] = runpy.run_path("chassis/services.py")["PACKAGES"]
SCRIPTS = [f"one-stock-{name} = {package}.__main__:main" for name, package in PACKAGES.items()]

setup(entry_points={"console_scripts": [*SCRIPTS, "one-stock-migrate = chassis.migrate:main"]})
