"""The behaviour of every server around an RPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from chassis import access, client, context, errors
from chassis.errors import ServiceError
from chassis.interceptors import meter
from chassis.interceptors.errors import ErrorTable
from chassis.server import Server, Servicer
from gen.inventory.v1 import catalog_service_pb2 as pb
from gen.inventory.v1 import catalog_service_pb2_grpc as pb_grpc
from gen.inventory.v1.sku_pb2 import Sku


class NoSuchThing(Exception):
    """A domain error."""

    reason = "SKU_NOT_FOUND"
    metadata = {"sku": "X"}  # noqa: RUF012


class Catalog:
    """The sku's name determines the behaviour."""

    ready = True

    def __getattr__(self, name: str) -> Any:
        return self.GetSku

    async def GetSku(self, request: pb.GetSkuRequest, _context: object) -> pb.GetSkuResponse:  # noqa: N802
        match request.sku:
            case "domain":
                raise NoSuchThing("there is no X")
            case "field":
                raise errors.invalid("sku", "FIELD_INVALID", "is odd")
            case "bug":
                raise KeyError("secret of the house")
            case "caller":
                return pb.GetSkuResponse(sku=Sku(sku=context.caller.get()))
            case "slow":
                await asyncio.Event().wait()
            case "id":
                return pb.GetSkuResponse(sku=Sku(sku=context.request_id.get(), name=f"{context.remaining_s(60):.0f}"))
        return pb.GetSkuResponse()


@pytest.fixture
async def catalog() -> Catalog:
    """The implementation behind the server."""
    return Catalog()


@pytest.fixture
async def channel(catalog: Catalog) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to a server with that one service."""

    async def ready() -> bool:
        return catalog.ready

    table: ErrorTable = {NoSuchThing: grpc.StatusCode.NOT_FOUND}
    server = Server("127.0.0.1:0", [Servicer(pb, pb_grpc, "CatalogService", catalog)], table, ready)
    await server.start()
    watcher = asyncio.create_task(server.watch_readiness())
    async with client.connect(f"127.0.0.1:{server.port}") as channel:
        yield channel
    watcher.cancel()
    await server.stop()


async def _get(channel: grpc.aio.Channel, sku: str, timeout_s: float = 5) -> Any:
    stub: Any = pb_grpc.CatalogServiceStub(channel)
    return await client.call(stub.GetSku, pb.GetSkuRequest(sku=sku), timeout_s)


async def test_errors_keep_code_reason_metadata_and_fields_over_the_wire(channel: grpc.aio.Channel) -> None:
    with pytest.raises(ServiceError) as caught:
        await _get(channel, "domain")
    error = caught.value
    assert (error.code, error.reason, error.metadata) == (grpc.StatusCode.NOT_FOUND, "SKU_NOT_FOUND", {"sku": "X"})
    with pytest.raises(ServiceError) as caught:
        await _get(channel, "field")
    assert [(one.path, one.reason) for one in caught.value.violations] == [("sku", "FIELD_INVALID")]


async def test_a_bug_leaks_nothing(channel: grpc.aio.Channel) -> None:
    with pytest.raises(ServiceError) as caught:
        await _get(channel, "bug")
    assert (caught.value.reason, caught.value.message) == ("INTERNAL", "internal error")


async def test_the_callers_deadline_holds_and_reaches_the_servicer(channel: grpc.aio.Channel) -> None:
    with pytest.raises(ServiceError) as caught:
        await _get(channel, "slow", timeout_s=0.1)
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert int((await _get(channel, "id", timeout_s=30)).sku.name) in (29, 30)


async def test_a_call_without_deadline_gets_ours(channel: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "DEFAULT_DEADLINE_S", 0.1)
    stub: Any = pb_grpc.CatalogServiceStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.GetSku(pb.GetSkuRequest(sku="slow"))
    assert errors.from_rpc_error(caught.value).reason == "DEADLINE_EXCEEDED"


async def test_the_request_id_goes_along(channel: grpc.aio.Channel) -> None:
    context.request_id.set("req-of-the-caller")
    assert (await _get(channel, "id")).sku.sku == "req-of-the-caller"


async def test_the_caller_goes_along_and_is_nobody_without_a_word(channel: grpc.aio.Channel) -> None:
    assert (await _get(channel, "caller")).sku.sku == ""
    context.caller.set("operator")
    assert (await _get(channel, "caller")).sku.sku == "operator"
    context.caller.set("")


async def test_health_follows_readiness(channel: grpc.aio.Channel, catalog: Catalog) -> None:
    health: Any = health_pb2_grpc.HealthStub(channel)
    watch = health.Watch(health_pb2.HealthCheckRequest(service="inventory.v1.CatalogService"))
    seen: list[int] = []
    async with asyncio.timeout(10):
        async for answer in watch:
            seen.append(answer.status)
            if answer.status == health_pb2.HealthCheckResponse.SERVING:
                catalog.ready = False
            elif health_pb2.HealthCheckResponse.SERVING in seen:
                break
    assert seen[-2:] == [health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING]
    watch.cancel()


async def test_health_lists_every_service(channel: grpc.aio.Channel) -> None:
    health: Any = health_pb2_grpc.HealthStub(channel)
    listed = await health.List(health_pb2.HealthListRequest())
    assert set(listed.statuses) == {"", "inventory.v1.CatalogService"}


async def test_reflection_names_the_services(channel: grpc.aio.Channel) -> None:
    reflection: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
    ask = reflection_pb2.ServerReflectionRequest(list_services="")
    async for answer in reflection.ServerReflectionInfo(iter([ask])):
        names = {service.name for service in answer.list_services_response.service}
        assert {"inventory.v1.CatalogService", "grpc.health.v1.Health"} <= names


@pytest.mark.parametrize(
    ("symbol", "file"),
    [
        ("inventory.v1.CatalogService.GetSku", "inventory/v1/catalog_service.proto"),
        ("inventory.v1.CatalogService", "inventory/v1/catalog_service.proto"),
        ("inventory.v1.Sku", "inventory/v1/sku.proto"),
        ("google.rpc.ErrorInfo", "google/rpc/error_details.proto"),
        ("inventory.v1.CatalogService.Forget", ""),
        ("nothing", ""),
    ],
)
async def test_reflection_finds_methods_as_well_as_services_and_messages(
    channel: grpc.aio.Channel, symbol: str, file: str
) -> None:
    reflection: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
    ask = reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol)
    [answer] = [answer async for answer in reflection.ServerReflectionInfo(iter([ask]))]
    files = [FileDescriptorProto.FromString(one) for one in answer.file_descriptor_response.file_descriptor_proto]
    assert [one.name for one in files][:1] == ([file] if file else [])
    assert answer.HasField("error_response") is not bool(file)


async def test_a_method_that_nobody_serves_is_unimplemented(channel: grpc.aio.Channel) -> None:
    call = channel.unary_unary("/inventory.v1.CatalogService/Forget", bytes, bytes)
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call(b"")
    assert failed.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_every_rpc_is_counted_by_method_and_code_on_both_sides(channel: grpc.aio.Channel) -> None:
    method = "inventory.v1.CatalogService/GetSku"
    ok, refused = meter.CALLS.of(method, "OK"), meter.REFUSALS.of(method, "SKU_NOT_FOUND")
    called, timed = client.CALLS.of(method, "NOT_FOUND"), meter.SECONDS.of(method)
    before = (ok.value, refused.value, called.value, sum(timed.counts))
    await _get(channel, "anything")
    with pytest.raises(ServiceError):
        await _get(channel, "domain")
    async with asyncio.timeout(10):
        while meter.IN_FLIGHT.of(method).value:  # the refusal is counted just after it was sent
            await asyncio.sleep(0)
    after = (ok.value, refused.value, called.value, sum(timed.counts))
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1, 1, 2]


async def test_a_failed_call_has_one_line_in_the_log_and_a_good_one_none(
    channel: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    note = lambda event, **facts: lines.put_nowait((event, facts["code"]))  # noqa: E731
    monkeypatch.setattr(access.requests, "note", note)
    await _get(channel, "anything")
    with pytest.raises(ServiceError):
        await _get(channel, "domain")  # a refusal concerns the request, not the server
    with pytest.raises(ServiceError):
        await _get(channel, "bug")
    assert await asyncio.wait_for(lines.get(), 10) == ("access.rpc", "INTERNAL")
    assert lines.empty()
