"""Fills an empty shop through the public interfaces: skus, locations and stock over REST, promotions over gRPC.

Every call has an idempotency key made from what it creates, so an interrupted seed can simply run again.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

import grpc
import httpx
from google.protobuf.json_format import ParseDict

from chassis.local import shop
from chassis.local.kept import Kept
from gen.promo.v1 import promotion_pb2, promotion_service_pb2, promotion_service_pb2_grpc

CALL_S = 10.0


class SeedFailed(Exception):
    """The seed failed; the text says in one line what could not be created and why."""


async def fill(edge_url: str, promo_address: str, token: str, kept: Kept) -> int:
    """Seeds the shop unless it has skus; returns how many were created. SeedFailed names the call that failed."""
    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with httpx.AsyncClient(base_url=edge_url, headers=headers, timeout=CALL_S, trust_env=False) as client:
            if not kept.number("seeding") and not await _is_empty(client):
                return 0
            kept.put("seeding", 1)
            await _goods(client, datetime.datetime.now(datetime.UTC).date())
    except httpx.HTTPError as error:
        raise SeedFailed(f"the edge did not answer: {error!r}") from error
    try:
        async with grpc.aio.insecure_channel(promo_address) as channel:
            stub = promotion_service_pb2_grpc.PromotionServiceStub(channel)
            for promotion in shop.PROMOTIONS:
                await _promotion(stub, promotion)
    except grpc.aio.AioRpcError as error:
        raise SeedFailed(f"promotions: {error.code().name}: {error.details()}") from error
    kept.put("seeding", 0)
    return len(shop.ITEMS)


async def _is_empty(client: httpx.AsyncClient) -> bool:
    answer = await client.get("/v1/skus", params={"page_size": 1})
    if answer.status_code != httpx.codes.OK:
        raise SeedFailed(f"GET /v1/skus: {answer.status_code} {answer.text}")
    return not answer.json()["skus"]


async def _goods(client: httpx.AsyncClient, today: datetime.date) -> None:
    for location in shop.LOCATIONS:
        await _post(client, "/v1/locations", f"seed-location-{location['location']}", location)
    for item in shop.ITEMS:
        price = {"currency": shop.CURRENCY, "amount_minor": item.price_minor}
        sku = {"sku": item.sku, "name": item.name, "category": item.category, "brand": item.brand, "price": price}
        await _post(client, "/v1/skus", f"seed-sku-{item.sku}", {**sku, "attributes": item.attributes})
        for lot in item.lots:
            key = f"seed-stock-{item.sku}-{lot.location}-{lot.number}"
            await _post(client, "/v1/inventory", key, _delivery(item.sku, lot, today))


def _delivery(sku: str, lot: shop.Lot, today: datetime.date) -> Mapping[str, Any]:
    body: dict[str, Any] = {"sku": sku, "location": lot.location, "quantity": lot.quantity, "reason": "opening stock"}
    if lot.number:
        made = today - datetime.timedelta(days=lot.made_days_ago)
        expires = today + datetime.timedelta(days=lot.expires_in_days)
        body |= {"lot": lot.number, "manufacture_date": made.isoformat(), "expiry_date": expires.isoformat()}
    return body


async def _post(client: httpx.AsyncClient, path: str, key: str, body: Mapping[str, Any]) -> None:
    answer = await client.post(path, json=body, headers={"Idempotency-Key": key})
    if not answer.is_success and answer.status_code != httpx.codes.CONFLICT:  # 409: it exists already
        raise SeedFailed(f"POST {path} {key}: {answer.status_code} {answer.text}")


async def _promotion(stub: Any, values: Mapping[str, Any]) -> None:
    promotion = ParseDict(dict(values), promotion_pb2.Promotion())
    name = promotion.promotion_id
    create = promotion_service_pb2.CreatePromotionRequest(request_id=f"seed-promotion-{name}", promotion=promotion)
    try:
        await stub.CreatePromotion(create, timeout=CALL_S)
    except grpc.aio.AioRpcError as error:
        if error.code() != grpc.StatusCode.ALREADY_EXISTS:
            raise
    activate = promotion_service_pb2.ActivatePromotionRequest(request_id=f"seed-activate-{name}", promotion_id=name)
    await stub.ActivatePromotion(activate, timeout=CALL_S)
