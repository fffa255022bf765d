"""Alembic's entry: see chassis/migrate.py."""

from chassis.migrate import run_environment

run_environment()
