"""deploy/nginx in front of the edge: the original file with only names and ports changed, under TLS on free ports."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
import subprocess
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from chassis.local import ports
from edge.front.limits import Limits
from tests.edge.conftest import TOKEN
from tests.edge.far_side import FarSide
from tests.edge.push.served import Served, serving
from tests.edge.push.world import stock
from tests.house.tree import ROOT

CONFIGURATION = ROOT / "deploy" / "nginx" / "one-stock.conf"
AROUND = """
daemon off;
master_process off;
error_log stderr warn;
pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/one-stock.conf;
}}
"""
WITHIN_S = 20.0
AUTHORIZATION = {"Authorization": f"Bearer {TOKEN}"}


@dataclass
class Proxied:
    """A proxy and the edge behind it."""

    url: str
    plain_url: str
    served: Served
    trust: ssl.SSLContext

    def client(self) -> httpx.AsyncClient:
        """A client with TLS that trusts the certificate."""
        return httpx.AsyncClient(base_url=self.url, verify=self.trust, headers=AUTHORIZATION, timeout=WITHIN_S)


def program(name: str) -> str:
    """Its path; the test is skipped with a warning if it is not installed."""
    found = shutil.which(name, path=f"{os.defpath}:/usr/sbin:/sbin")
    if found is None:
        warnings.warn(f"NO {name.upper()} HERE: deploy/nginx is not checked", stacklevel=1)
        pytest.skip(f"NO {name.upper()} HERE: install it to check deploy/nginx")
    return found


def configured(folder: Path, edge_port: int, port: int, plain_port: int) -> None:
    """The original file, except for the values that every installation has to change."""
    text = CONFIGURATION.read_text()
    for theirs, ours in (
        ("127.0.0.1:8080", f"127.0.0.1:{edge_port}"),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("listen 80;", f"listen 127.0.0.1:{plain_port};"),
        ("stock.example.com", "localhost"),
        ("/etc/one-stock/", f"{folder}/"),
    ):
        assert theirs in text
        text = text.replace(theirs, ours)
    (folder / "one-stock.conf").write_text(text)
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder))


def certified(folder: Path) -> ssl.SSLContext:
    """A self-signed certificate, and a context that trusts it."""
    command = [
        program("openssl"),
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command += ["-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own command
    return ssl.create_default_context(cafile=str(folder / "tls.crt"))


@asynccontextmanager
async def listening(folder: Path, port: int) -> AsyncIterator[None]:
    """nginx runs during the block."""
    nginx = await asyncio.create_subprocess_exec(program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf"))
    try:
        async with asyncio.timeout(WITHIN_S):
            while nginx.returncode is None:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                except ConnectionError:
                    await asyncio.sleep(0)
        assert nginx.returncode is None, "nginx does not accept the configuration"
        yield
    finally:
        if nginx.returncode is None:
            nginx.terminate()
        await nginx.wait()


@pytest.fixture
async def proxied(far_side: FarSide, tmp_path: Path) -> AsyncIterator[Proxied]:
    program("nginx")
    trust = certified(tmp_path)
    port, plain_port = ports.free(), ports.free()
    async with serving(far_side, Limits(), (ip_network("127.0.0.1"),)) as served:
        configured(tmp_path, int(served.url.rpartition(":")[2]), port, plain_port)
        async with listening(tmp_path, port):
            yield Proxied(f"https://localhost:{port}", f"http://localhost:{plain_port}", served, trust)


async def test_rest_goes_through_the_proxy_and_the_edge_knows_that_it_was_tls(proxied: Proxied) -> None:
    async with proxied.client() as client:
        for _ in range(3):
            answer = await client.get("/v1/locations")
            assert answer.status_code == 200
        assert answer.headers["strict-transport-security"]
        assert "server" not in answer.headers or "/" not in answer.headers["server"]
        assert (await client.get("/v1/skus/A%2F1")).status_code == 200
        refused = await client.post("/v1/orders", content=b"{")
        assert (refused.status_code, refused.json()["reason"]) == (400, "JSON_INVALID")
        plain = await client.get(f"{proxied.plain_url}/v1/locations")
        assert (plain.status_code, plain.headers["location"]) == (308, "https://localhost/v1/locations")
    assert proxied.served.seats.of_kind("proxy") >= 1


async def test_websockets_and_event_streams_go_through_the_proxy(proxied: Proxied) -> None:
    websocket = proxied.url.replace("https", "wss") + "/ws/inventory"
    async with proxied.client() as client, client.stream("GET", "/v1/inventory/stream") as stream:
        lines = stream.aiter_lines()
        async with connect(websocket, ssl=proxied.trust, additional_headers=AUTHORIZATION) as socket:
            assert "hello" in str(await socket.recv())
            await proxied.served.happens(stock(1, "THROUGH-THE-PROXY"))
            assert "THROUGH-THE-PROXY" in str(await socket.recv())
        async with asyncio.timeout(WITHIN_S):
            while "THROUGH-THE-PROXY" not in await anext(lines):
                pass


async def test_what_is_too_large_does_not_reach_the_edge(proxied: Proxied) -> None:
    asked: list[object] = []
    async with proxied.client() as client:
        assert (await client.get("/healthz")).status_code == 200
        proxied.served.watch(asked.append)
        many = {f"X-{number}": "a" * 9_000 for number in range(9)}
        for status, reason, answer in (
            (431, "HEADERS_TOO_LARGE", await client.get("/healthz", headers={"X-Large": "a" * 20_000})),
            (431, "HEADERS_TOO_LARGE", await client.get("/healthz", headers=many)),
            (414, "TARGET_TOO_LONG", await client.get("/healthz", params={"q": "a" * 20_000})),
            (413, "BODY_TOO_LARGE", await client.post("/v1/orders", content=b" " * (1024 * 1024 + 1))),
        ):
            assert (answer.status_code, answer.json()["status"], answer.json()["reason"]) == (status, status, reason)
            assert answer.headers["content-type"] == "application/problem+json"
    assert asked == []


async def test_grpc_is_not_to_be_had_through_the_proxy(proxied: Proxied) -> None:
    text = CONFIGURATION.read_text()
    assert "grpc_pass" not in text
    async with proxied.client() as client:
        answer = await client.post("/inventory.v1.StockService/GetStock", content=b"")
        assert (answer.status_code, answer.json()["reason"]) == (404, "ROUTE_NOT_FOUND")
