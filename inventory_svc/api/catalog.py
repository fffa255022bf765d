"""inventory.v1.CatalogService: messages in, use case, messages out."""

from __future__ import annotations

from typing import Any, TypeAlias

import grpc

from chassis import requests, validation
from chassis.validation import DEFAULT_PAGE
from gen.inventory.v1 import catalog_service_pb2 as pb
from gen.inventory.v1 import catalog_service_pb2_grpc as pb_grpc
from inventory_svc.api import convert
from inventory_svc.app.catalog import Catalog

Rpc: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class CatalogServicer(pb_grpc.CatalogServiceServicer):
    """See the proto for what each method promises."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def CreateSku(self, request: pb.CreateSkuRequest, context: Rpc) -> pb.CreateSkuResponse:
        sku = convert.sku_from(request.sku)
        kept = await self._catalog.create(
            requests.identify(request),
            sku,
            lambda stored: pb.CreateSkuResponse(sku=convert.sku_to(stored)).SerializeToString(),
        )
        return requests.answered(pb.CreateSkuResponse, kept)

    async def GetSku(self, request: pb.GetSkuRequest, context: Rpc) -> pb.GetSkuResponse:
        sku = await self._catalog.get(request.sku)
        return pb.GetSkuResponse(sku=convert.sku_to(sku))

    async def BatchGetSkus(self, request: pb.BatchGetSkusRequest, context: Rpc) -> pb.BatchGetSkusResponse:
        wanted = list(request.skus)
        found = await self._catalog.batch_get(wanted)
        return pb.BatchGetSkusResponse(
            skus=[convert.sku_to(found[sku]) for sku in wanted if sku in found],
            missing=[sku for sku in wanted if sku not in found],
        )

    async def ListSkus(self, request: pb.ListSkusRequest, context: Rpc) -> pb.ListSkusResponse:
        size = request.page_size or DEFAULT_PAGE
        found, token = await self._catalog.page(request.category, request.parent_product, size, request.page_token)
        return pb.ListSkusResponse(skus=[convert.sku_to(sku) for sku in found], next_page_token=token)

    async def UpdateSku(self, request: pb.UpdateSkuRequest, context: Rpc) -> pb.UpdateSkuResponse:
        changes = convert.sku_changes(request.sku, list(request.update_mask.paths))
        kept = await self._catalog.update(
            requests.identify(request),
            validation.present("sku.sku", request.sku.sku),
            request.sku.etag,
            changes,
            lambda stored: pb.UpdateSkuResponse(sku=convert.sku_to(stored)).SerializeToString(),
        )
        return requests.answered(pb.UpdateSkuResponse, kept)

    async def BatchUpsertSkus(self, request: pb.BatchUpsertSkusRequest, context: Rpc) -> pb.BatchUpsertSkusResponse:
        batch = [convert.sku_from(sku) for sku in request.skus]
        convert.refuse_twice([sku.sku for sku in batch])
        kept = await self._catalog.upsert(
            requests.identify(request),
            batch,
            lambda created, updated: pb.BatchUpsertSkusResponse(created=created, updated=updated).SerializeToString(),
        )
        return requests.answered(pb.BatchUpsertSkusResponse, kept)
