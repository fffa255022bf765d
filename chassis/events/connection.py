"""Chooses the broker by the scheme of its URL. The client library of one that is not used need not be installed."""

from __future__ import annotations

import importlib

from chassis.events.broker import Broker
from chassis.events.brokers.redis_streams import RedisStreams

_EXTRAS = {
    "kafka": ("kafka", "kafka", "Kafka"),
    "amqp": ("rabbitmq", "rabbitmq", "RabbitMQ"),
    "amqps": ("rabbitmq", "rabbitmq", "RabbitMQ"),
    "nats": ("nats", "nats", "Nats"),
    "tls": ("nats", "nats", "Nats"),
}
"""Scheme to the extra that brings its client library, the module of `brokers/` and its class."""
SCHEMES = ("redis", "rediss", "unix", *_EXTRAS)


def connect(url: str) -> Broker:
    """The broker at `url`, such as redis://host:6379/1 or nats://host:4222. ValueError for any other URL; ImportError with one
    line that says what to install."""
    scheme = url.partition("://")[0]
    if scheme in ("redis", "rediss", "unix"):
        return RedisStreams(url)
    if scheme not in _EXTRAS:
        raise ValueError(f"{scheme}:// is not a supported broker; there are {', '.join(SCHEMES)}")
    extra, module, name = _EXTRAS[scheme]
    try:
        found = importlib.import_module(f"chassis.events.brokers.{module}")
    except ModuleNotFoundError as missing:
        raise ImportError(f"{scheme}:// needs {missing.name}: in a checkout, pip install '.[{extra}]'") from missing
    broker: Broker = getattr(found, name)(url)
    return broker
