"""Writes asyncapi.json: every event type with its channels, headers and payload, from protos/, for consumers and their tools.

`python -m chassis.events.asyncapi` writes it; `--check` only reports, and exits with 1, when the file does not match protos/.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf.descriptor import Descriptor

from chassis.events.event import PARTITIONS, PROTOBUF, Event, attributes
from chassis.events.event_types import EventTypes
from chassis.events.payload_schema import Schemas, comments_of

ROOT = Path(__file__).resolve().parent.parent.parent
PROTOS = ROOT / "protos"
TARGET = Path(__file__).with_suffix(".json")
VERSION = "1.0.0"
"""Of the events, whose packages are v1: releases only add to what consumers rely on."""
Json = dict[str, Any]

MEANINGS = {
    "specversion": "The version of CloudEvents.",
    "id": "The same at every delivery, unique among all sources; consumers deduplicate by it.",
    "source": "The service that emits it, such as /inventory.",
    "type": "The kind of event; it determines the message of the data.",
    "subject": "The subject of the event, such as a sku.",
    "partitionkey": "The same as subject; events of one key arrive in order.",
    "sequence": "Its position in the source's log, a whole number: 1, 2, 3 and so on.",
    "time": "When it happened, RFC 3339 in UTC.",
    "datacontenttype": "application/protobuf, or application/json.",
}


class Protocol(NamedTuple):
    """How one broker carries an event. `{source}` is replaced, `{partition}` stays: it is the channel's parameter."""

    host: str
    address: str
    prefix: str
    renamed: Mapping[str, str]
    """Attributes whose header has its own name without a prefix."""
    bindings: Json


PROTOCOLS = {
    "redis": Protocol("localhost:6379", "events:{source}:{partition}", "", {}, {"redis": {}}),
    "kafka": Protocol(
        "localhost:9092",
        "events.{source}",
        "ce_",
        {"datacontenttype": "content-type"},
        {"kafka": {"topic": "events.{source}", "partitions": PARTITIONS, "bindingVersion": "0.5.0"}},
    ),
    "amqp": Protocol(
        "localhost:5672",
        "{source}.{partition}",
        "cloudEvents_",
        {"datacontenttype": "content-type"},
        {
            "amqp": {
                "is": "routingKey",
                "exchange": {"name": "events", "type": "topic", "durable": True, "autoDelete": False},
                "bindingVersion": "0.3.0",
            }
        },
    ),
    "nats": Protocol("localhost:4222", "events.{source}.{partition}", "ce-", {}, {"nats": {}}),
}
"""By AsyncAPI's name of the protocol."""


def document() -> Json:
    """The whole document, from gen/ and the comments of protos/."""
    modules = [importlib.import_module(f"gen.{path.parent.parent.name}.v1.events_pb2") for path in sorted(_files())]
    types = EventTypes(modules).types()
    schemas = Schemas(comments_of(PROTOS))
    channels: Json = {}
    operations: Json = {}
    for source in sorted({name.partition(".")[0] for name in types}):
        mine = {name: message for name, message in types.items() if name.startswith(f"{source}.")}
        for protocol in PROTOCOLS:
            channel = f"{source}_{protocol}"
            channels[channel] = _channel(source, protocol, mine, schemas)
            operations[f"tell_{channel}"] = _operation(channel, mine)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "one-stock events", "version": VERSION, "description": _about()},
        "defaultContentType": PROTOBUF,
        "servers": {
            name: {"host": one.host, "protocol": name, "description": "The address is set by BROKER_URL."}
            for name, one in PROTOCOLS.items()
        },
        "channels": channels,
        "operations": operations,
        "components": {
            "messageTraits": {name: {"headers": headers_of(one)} for name, one in PROTOCOLS.items()},
            "schemas": schemas.all(),
        },
    }


def headers_of(protocol: Protocol) -> Json:
    """The schema of an event's headers; for Redis, of the entry's fields other than `data`."""
    names = attributes(Event("", "", "", "", 0, "", b""))
    headers = {protocol.renamed.get(name, protocol.prefix + name): _header(name) for name in names}
    return {"type": "object", "required": list(headers), "properties": headers}


def _header(name: str) -> Json:
    schema: Json = {"type": "string", "description": MEANINGS[name]}
    if name == "specversion":
        schema["const"] = "1.0"
    if name == "time":
        schema["format"] = "date-time"
    if name == "sequence":
        schema["pattern"] = "^[0-9]+$"
    return schema


def _channel(source: str, protocol: str, types: Mapping[str, Descriptor], schemas: Schemas) -> Json:
    carried = PROTOCOLS[protocol]
    channel: Json = {
        "address": carried.address.replace("{source}", source),
        "title": f"Events of {source} over {protocol}",
        "servers": [{"$ref": f"#/servers/{protocol}"}],
        "messages": {name: _message(name, message, protocol, schemas) for name, message in types.items()},
        "bindings": json.loads(json.dumps(carried.bindings).replace("{source}", source)),
    }
    if "{partition}" in carried.address:
        numbers = [str(partition) for partition in range(PARTITIONS)]
        meaning = f"CRC-32 of the subject, modulo {PARTITIONS}: a subject always has the same partition."
        channel["parameters"] = {"partition": {"enum": numbers, "description": meaning}}
    return channel


def _message(type_: str, message: Descriptor, protocol: str, schemas: Schemas) -> Json:
    return {
        "name": type_,
        "title": message.name,
        "summary": schemas.comment(message.full_name),
        "contentType": PROTOBUF,
        "payload": schemas.reference(message),
        "traits": [{"$ref": f"#/components/messageTraits/{protocol}"}],
        "x-protobuf-message": message.full_name,
    }


def _operation(channel: str, types: Mapping[str, Descriptor]) -> Json:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in types],
    }


def _about() -> str:
    return (
        "Facts that the services emit, as CloudEvents 1.0 in binary mode. Data is the protobuf message named by "
        "x-protobuf-message, or with EVENTS_FORMAT=json the same as JSON, described by the schemas: names as in the proto, "
        "whole numbers as numbers, enums by name. Missing values are null, 0 or empty; later releases add fields and values. "
        "Every event arrives at least once, those of one subject in order. BROKER_URL decides which broker carries them."
    )


def _files() -> list[Path]:
    return list(PROTOS.glob("*/v1/events.proto"))


def main() -> int:
    """Runs the command; see the module."""
    fresh = json.dumps(document(), indent=2, ensure_ascii=False) + "\n"
    if "--check" not in sys.argv[1:]:
        TARGET.write_text(fresh, encoding="utf-8")
    elif not TARGET.exists() or TARGET.read_text(encoding="utf-8") != fresh:
        sys.stdout.write(f"{TARGET.relative_to(ROOT)} does not match protos/: run `make gen`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
