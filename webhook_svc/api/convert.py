"""Converts messages to domain objects and checks each field."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Any

from chassis import errors, timestamps, validation
from gen.webhook.v1 import webhook_endpoint_pb2
from gen.webhook.v1 import webhook_service_pb2 as pb
from webhook_svc.domain import addresses
from webhook_svc.domain.addresses import UrlInvalid
from webhook_svc.domain.delivery import State
from webhook_svc.domain.endpoint import DEFAULT_IN_FLIGHT, MOST_IN_FLIGHT, Wishes

ENDPOINT_ID = re.compile(r"whe_[0-9a-f]{26}")
DELIVERY_ID = re.compile(r"[1-9][0-9]{0,17}")
TOPIC = re.compile(r"\*|[a-z_]+(\.[a-z_]+)*(\.\*)?")
MOST_TOPICS = 50
MOST_KEYS = 1_000
KEY_CHARACTERS = 200
DESCRIPTION_CHARACTERS = 200


def endpoint_id(path: str, value: str) -> str:
    """The id of an endpoint."""
    return validation.pattern(path, value, ENDPOINT_ID, "must be an endpoint's id: whe_ and 26 hex digits")


def delivery_id(path: str, value: str) -> int:
    """The id of a delivery, in decimal digits."""
    return int(validation.pattern(path, value, DELIVERY_ID, "must be a delivery's id: a whole number above 0"))


def state(value: int) -> State | None:
    """None for any state. FIELD_INVALID for unknown numbers."""
    kind = webhook_endpoint_pb2.WebhookDelivery.State
    if value not in kind.values():
        raise errors.invalid("state", "FIELD_INVALID", f"{value} is not a delivery state")
    return State(kind.Name(value).removeprefix("STATE_")) if value else None  # type: ignore[arg-type]


def span(message: pb.ReplayWebhookEventsRequest) -> tuple[datetime, datetime]:
    """The start and the end; both are required, and the start must be earlier."""
    for name in ("from_time", "to_time"):
        if not message.HasField(name):
            raise errors.required(name)
    since, until = timestamps.instant("from_time", message.from_time), timestamps.instant("to_time", message.to_time)
    if since >= until:
        raise errors.invalid("to_time", "FIELD_INVALID", "must be after from_time")
    return since, until


class EndpointReader:
    """Reads endpoints. `known_types` are all event types: a topic that matches none of them is refused."""

    def __init__(self, known_types: Collection[str], allow_private: bool) -> None:
        self._known_types = known_types
        self._allow_private = allow_private
        self._readers: dict[str, Callable[[webhook_endpoint_pb2.WebhookEndpoint], Any]] = {
            "url": self._url,
            "topics": self._topics,
            "keys": _keys,
            "description": _description,
            "ordered": lambda message: message.ordered,
            "max_in_flight": _max_in_flight,
        }

    def new(self, message: webhook_endpoint_pb2.WebhookEndpoint) -> Wishes:
        """An endpoint to create; fields that the service sets are ignored."""
        return Wishes(**{name: read(message) for name, read in self._readers.items()})

    def changes(
        self, message: webhook_endpoint_pb2.WebhookEndpoint, mask: Iterable[str]
    ) -> tuple[dict[str, Any], bool | None]:
        """The fields that an update sets, and whether it enables or disables the endpoint."""
        named = list(dict.fromkeys(mask))
        if not named:
            raise errors.required("update_mask")
        for index, name in enumerate(named):
            if name not in self._readers and name != "enabled":
                raise errors.invalid(f"update_mask.paths[{index}]", "FIELD_INVALID", f"{name} cannot be changed")
        changes = {name: self._readers[name](message) for name in named if name != "enabled"}
        return changes, message.enabled if "enabled" in named else None

    def _url(self, message: webhook_endpoint_pb2.WebhookEndpoint) -> str:
        path = "endpoint.url"
        url = validation.present(path, message.url)
        try:
            addresses.check_url(url, self._allow_private)
        except UrlInvalid as wrong:
            raise errors.invalid(path, "FIELD_INVALID", str(wrong)) from wrong
        return url

    def _topics(self, message: webhook_endpoint_pb2.WebhookEndpoint) -> tuple[str, ...]:
        validation.count("endpoint.topics", len(message.topics), 1, MOST_TOPICS)
        for index, topic in enumerate(message.topics):
            path = f"endpoint.topics[{index}]"
            validation.pattern(path, topic, TOPIC, "must be an event type, or the beginning of one followed by .*")
            wishes = Wishes("", (topic,))
            if not any(wishes.wants_type(known) for known in self._known_types):
                raise errors.invalid(path, "FIELD_INVALID", f"{topic} matches no known event type")
        return tuple(dict.fromkeys(message.topics))


def _keys(message: webhook_endpoint_pb2.WebhookEndpoint) -> tuple[str, ...]:
    validation.count("endpoint.keys", len(message.keys), 0, MOST_KEYS)
    for index, key in enumerate(message.keys):
        path = f"endpoint.keys[{index}]"
        validation.at_most(path, validation.present(path, key), KEY_CHARACTERS)
    return tuple(dict.fromkeys(message.keys))


def _description(message: webhook_endpoint_pb2.WebhookEndpoint) -> str:
    return validation.at_most("endpoint.description", message.description, DESCRIPTION_CHARACTERS)


def _max_in_flight(message: webhook_endpoint_pb2.WebhookEndpoint) -> int:
    path = "endpoint.max_in_flight"
    return validation.whole(path, message.max_in_flight, 0, MOST_IN_FLIGHT) or DEFAULT_IN_FLIGHT
