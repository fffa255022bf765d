"""The Postgres and the Redis of a run: embedded ones, or those that DATABASE_URL and REDIS_URL name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from chassis.local import place, ports, postgres, valkey
from chassis.local.config import VARIABLES, Settings
from chassis.local.errors import CannotStart
from chassis.local.kept import Kept
from chassis.local.postgres import Postgres
from chassis.local.program import Program
from chassis.local.valkey import Valkey

OWN_SERVER_S = 5
"""Time within which a server that the user configured must answer."""


@dataclass(frozen=True)
class Backing:
    """A server that the services need; `program` is None when it is not started here."""

    url: str
    answers: Callable[[str], str | None]
    program: Program | None


def database(settings: Settings, kept: Kept) -> Backing:
    """Prepares the Postgres; CannotStart when the one in DATABASE_URL cannot be reached."""
    if settings.database_url is not None:
        _reach("DATABASE_URL", settings.database_url, postgres.answers(settings.database_url, OWN_SERVER_S))
        return Backing(settings.database_url, postgres.answers, None)
    where = place.find(settings.local)
    server = Postgres(where, ports.kept_or_free(kept, "postgres_port"), kept.secret("postgres_password"))
    server.prepare()
    return Backing(server.url, postgres.answers, server.program)


def gate(settings: Settings, kept: Kept) -> Backing:
    """Prepares the Redis; CannotStart when the one in REDIS_URL cannot be reached."""
    if settings.redis_url is not None:
        _reach("REDIS_URL", settings.redis_url, valkey.answers(settings.redis_url, OWN_SERVER_S))
        return Backing(settings.redis_url, valkey.answers, None)
    server = Valkey(settings.local, ports.kept_or_free(kept, "valkey_port"), kept.secret("valkey_password"))
    server.prepare()
    return Backing(server.url, valkey.answers, server.program)


def environment(settings: Settings, kept: Kept, database_url: str, redis_url: str) -> Mapping[str, str]:
    """The environment of the services and the edge."""
    return {
        **settings.environment,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        **{variable: str(settings.addresses[name]) for name, variable in VARIABLES.items()},
        "API_TOKEN": settings.token or kept.secret("token"),
        "PAGE_TOKEN_KEY": settings.environment.get("PAGE_TOKEN_KEY") or kept.secret("page_token_key"),
        "TICKET_KEY": settings.environment.get("TICKET_KEY") or kept.secret("ticket_key"),
        "SANDBOX_WEBHOOK_SECRET": settings.webhook_secret or kept.webhook_secret(),
        # receivers on this machine, such as a developer's own
        "WEBHOOK_ALLOW_PRIVATE": settings.environment.get("WEBHOOK_ALLOW_PRIVATE", "on"),
        "PYTHONUNBUFFERED": "1",
    }


def _reach(variable: str, url: str, reason: str | None) -> None:
    if reason is not None:
        raise CannotStart(f"{variable}={without_password(url)} cannot be reached: {reason}")


def without_password(url: str) -> str:
    """The URL with its password masked."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:***@{parts.netloc.rpartition('@')[2]}"))
