"""Alembic's entry: everything is in the chassis."""

from chassis.migrate import run_environment

run_environment()
