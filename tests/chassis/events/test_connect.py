"""The broker for each URL, the error if its client is not installed, and the settings of Kafka's topics."""

from __future__ import annotations

import sys
from concurrent.futures import Future
from typing import Any

import pytest

from chassis import config
from chassis.events import config as events
from chassis.events import connection
from chassis.events.broker import BrokerUnreachable

INSTALLED_AS = {"kafka": ("confluent_kafka", "kafka"), "amqp": ("aio_pika", "rabbitmq"), "nats": ("nats", "nats")}


@pytest.mark.parametrize("scheme", list(INSTALLED_AS))
def test_a_missing_client_library_is_told_by_the_name_of_its_extra(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    library, extra = INSTALLED_AS[scheme]
    for name in [name for name in sys.modules if name.startswith("chassis.events.brokers.")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.startswith(f"{library}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(
        ImportError, match=rf"^{scheme}:// needs {library}.*: in a checkout, pip install '\.\[{extra}\]'$"
    ):
        connection.connect(f"{scheme}://somewhere:1")


def test_an_unknown_scheme_is_told_with_those_that_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"mqtt:// is not a supported broker; there are redis, .*kafka"):
        connection.connect("mqtt://somewhere:1")
    monkeypatch.setenv("REDIS_URL", "redis://somewhere/0")
    monkeypatch.setenv("BROKER_URL", "mqtt://somewhere:1")
    with pytest.raises(config.ConfigError, match=r"BROKER_URL must start with one of redis://.*kafka://.*nats://"):
        events.broker_url()
    monkeypatch.setenv("BROKER_URL", "amqp://somewhere:1")
    assert events.broker_url() == "amqp://somewhere:1"


def test_a_url_of_kafka_may_have_several_hosts_an_account_and_settings_of_the_client() -> None:
    client = pytest.importorskip("chassis.events.brokers.kafka_client")
    found = client.settings_of("kafka://shop:p%40ss@one:9092,other:9093?security.protocol=SASL_SSL&acks=1")
    assert found["bootstrap.servers"] == "one:9092,other:9093"
    assert (found["sasl.username"], found["sasl.password"]) == ("shop", "p@ss")
    assert found["security.protocol"] == "SASL_SSL"


def test_a_url_of_nats_may_have_several_hosts_an_account_and_replicas() -> None:
    server = pytest.importorskip("chassis.events.brokers.nats_server").Server
    found = server.of("nats://shop:secret@one:4222,other:4223?replicas=3")
    assert found == (["nats://shop:secret@one:4222", "nats://shop:secret@other:4223"], 3)


class FakeAdmin:
    """The topic methods of Kafka's admin client: librdkafka's mock cluster cannot create topics on request."""

    there: dict[str, int]
    made: list[Any]

    def __init__(self, settings: dict[str, Any]) -> None:
        assert settings["bootstrap.servers"] == "somewhere"

    def list_topics(self, timeout: float) -> Any:
        """Topics and their partitions."""
        assert timeout > 0
        topic = type("Topic", (), {})
        found = {}
        for name, partitions in self.there.items():
            found[name] = topic()
            found[name].partitions = dict.fromkeys(range(partitions))
        answer = type("Topics", (), {})()
        answer.topics = found
        return answer

    def create_topics(self, topics: list[Any], **_limits: float) -> dict[str, Future[None]]:
        """Remembers them."""
        type(self).made = topics
        futures = {topic.topic: Future[None]() for topic in topics}
        for future in futures.values():
            future.set_result(None)
        return futures


def test_topics_that_are_missing_are_made_with_eight_partitions_and_a_week(monkeypatch: pytest.MonkeyPatch) -> None:
    client = pytest.importorskip("chassis.events.brokers.kafka_client")
    monkeypatch.setattr(client, "AdminClient", FakeAdmin)
    FakeAdmin.there, FakeAdmin.made = {"events.order": 8}, []
    client.make_topics({"bootstrap.servers": "somewhere"}, ["order", "promo"])
    [topic] = FakeAdmin.made
    assert (topic.topic, topic.num_partitions, topic.config["retention.ms"]) == ("events.promo", 8, "604800000")


def test_a_topic_with_too_few_partitions_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    client = pytest.importorskip("chassis.events.brokers.kafka_client")
    monkeypatch.setattr(client, "AdminClient", FakeAdmin)
    FakeAdmin.there, FakeAdmin.made = {"events.order": 3}, []
    with pytest.raises(BrokerUnreachable, match=r"events\.order has 3 partitions, it needs 8"):
        client.make_topics({"bootstrap.servers": "somewhere"}, ["order"])
