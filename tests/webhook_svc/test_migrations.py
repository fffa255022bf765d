"""Migration of a database of an earlier release."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import psycopg

from chassis.migrate import migrate
from gen.webhook.v1 import webhook_service_pb2 as pb
from gen.webhook.v1.webhook_endpoint_pb2 import WebhookEndpoint

ENDPOINT = WebhookEndpoint(endpoint_id="whe_1", url="https://shop.example.com/" + "x" * 200, max_in_flight=9)
migration = import_module("webhook_svc.migrations.versions.0002_secrets_shown_once")


def test_a_kept_answer_loses_its_secret_and_nothing_else() -> None:
    created = pb.CreateWebhookEndpointResponse(endpoint=ENDPOINT, secret="whsec_" + "c" * 44)
    left = pb.CreateWebhookEndpointResponse.FromString(migration.without_secret(created.SerializeToString()))
    assert left == pb.CreateWebhookEndpointResponse(endpoint=ENDPOINT)
    rotated = pb.RotateWebhookSecretResponse(endpoint=ENDPOINT, secret="whsec_" + "r" * 44, replayed=True)
    rotated.old_secret_expire_time.FromJsonString("2026-11-21T10:00:00Z")
    left_of_rotated = pb.RotateWebhookSecretResponse.FromString(migration.without_secret(rotated.SerializeToString()))
    rotated.secret = ""
    assert left_of_rotated == rotated
    assert migration.without_secret(b"") == b""


def test_an_upgraded_database_holds_no_secret_in_its_kept_answers(new_database: Callable[[str], str]) -> None:
    url = new_database("webhooks")
    answer = pb.CreateWebhookEndpointResponse(endpoint=ENDPOINT, secret="whsec_" + "c" * 44)
    insert = "INSERT INTO requests (request_id, method, fingerprint, response) VALUES (%s, %s, '', %s)"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
        connection.execute(insert, ("old", "CreateWebhookEndpoint", answer.SerializeToString()))
        connection.execute(insert, ("other", "DeleteWebhookEndpoint", b""))
        migrate("webhooks", url)
        rows = connection.execute("SELECT request_id, response FROM requests").fetchall()
    kept: dict[str, bytes] = dict(rows)
    assert pb.CreateWebhookEndpointResponse.FromString(kept["old"]) == pb.CreateWebhookEndpointResponse(
        endpoint=ENDPOINT
    )
    assert kept["other"] == b""
