"""Receivers over HTTP: one POST within a timeout, to an allowed address; reads the beginning of the response.

The checked address is the one that is connected to, so a DNS change between check and connection has no effect.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from webhook_svc.domain import addresses

MOST_ANSWER = 16_384
"""Bytes of a response that are read so that its connection can be reused; after a longer response it is closed."""
SHOWN = 300
"""Characters of a response that are kept."""
DNS_S = 10
"""How long a name's addresses are cached."""
KEEP_ALIVE_S = 30.0
AGENT = "one-stock-webhooks/1"
STALE = (aiohttp.ServerDisconnectedError, ConnectionResetError, BrokenPipeError)
"""Errors of a kept connection that the receiver has closed meanwhile. On a new connection the same errors mean that the
receiver got the request and may have processed it."""

Lookup = Callable[[str, int, int], Awaitable[list[tuple[int, str]]]]
"""Maps host, port and family to families and addresses. OSError when there are none."""


class AddressRefused(OSError):
    """The address is not public."""


class SendFailed(Exception):
    """There was no response; the text gives the reason, for the endpoint's owner."""


@dataclass
class Connection:
    """The connection of one request; `reused` if it carried others before."""

    reused: bool = False


class Answer(NamedTuple):
    """The receiver's response."""

    status: int
    retry_after: str
    text: str


async def system_lookup(host: str, port: int, family: int) -> list[tuple[int, str]]:
    """The addresses from the system's resolver."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG)
    return [(kind, str(address[0])) for kind, _, _, _, address in found]


class Receiver:
    """Sends to any receiver. Create it in the running loop; `close` it after the last request."""

    def __init__(self, allow_private: bool, timeout_s: float, lookup: Lookup = system_lookup) -> None:
        self._timeout_s = timeout_s
        self._allow_private = allow_private
        connector = aiohttp.TCPConnector(
            limit=0,  # the caller has its own bounds
            ttl_dns_cache=DNS_S,
            keepalive_timeout=KEEP_ALIVE_S,
            resolver=_Resolver(lookup),
            socket_factory=_open_socket if allow_private else _guarded_socket,
        )
        watch = aiohttp.TraceConfig()
        watch.on_connection_reuseconn.append(_note_reuse)
        self._session = aiohttp.ClientSession(
            connector=connector,
            trace_configs=[watch],
            timeout=aiohttp.ClientTimeout(total=timeout_s, ceil_threshold=timeout_s + 1),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            headers={"User-Agent": AGENT, "Accept": "*/*", "Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        """Closes the kept connections."""
        await self._session.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Sends once, or twice if a reused connection was closed before the first byte of a response. SendFailed."""
        try:
            addresses.check_url(url, self._allow_private)
            async with await self._answered(url, body, headers) as response:
                return await _read(response)
        except addresses.UrlInvalid as wrong:
            raise SendFailed(f"address refused: the url {wrong}") from wrong
        except TimeoutError as late:
            raise SendFailed(f"no response within {self._timeout_s:g} s") from late
        except (aiohttp.ClientError, OSError, ValueError) as failed:
            raise SendFailed(_reason(failed)) from failed

    async def _answered(self, url: str, body: bytes, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        """The response with its headers read."""
        connection = Connection()
        try:
            return await self._send(url, body, headers, connection)
        except STALE as error:
            if not connection.reused or _began(error):
                raise
            return await self._send(url, body, headers, connection)

    async def _send(
        self, url: str, body: bytes, headers: Mapping[str, str], connection: Connection
    ) -> aiohttp.ClientResponse:
        return await self._session.post(
            url, data=body, headers=headers, allow_redirects=False, trace_request_ctx=connection
        )


async def _read(response: aiohttp.ClientResponse) -> Answer:
    """The beginning of the response; after a longer response the connection is closed."""
    read = await response.content.read(MOST_ANSWER) if response.status >= 300 else b""
    while len(read) < MOST_ANSWER and (chunk := await response.content.read(MOST_ANSWER - len(read))):
        read += chunk
    if not response.content.at_eof():
        response.close()
    return Answer(response.status, response.headers.get("Retry-After", ""), _shown(read))


async def _note_reuse(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
    context.trace_request_ctx.reused = True


def _began(error: BaseException) -> bool:
    """Whether a response had begun: then aiohttp gives the part that it has read, not a text."""
    return isinstance(error, aiohttp.ServerDisconnectedError) and not isinstance(error.message, str)


class _Resolver(AbstractResolver):
    """Resolves names by `lookup`; the addresses are checked when the socket is opened."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._lookup(host, port, family)
        if not found:
            raise OSError(None, f"{host} has no address")
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
            for kind, address in found
        ]

    async def close(self) -> None:
        """Holds no resources."""


def _guarded_socket(info: tuple[Any, ...]) -> socket.socket:
    """A socket for a public address. AddressRefused."""
    address = str(info[4][0])
    if not addresses.is_public(address):
        raise AddressRefused(None, f"address refused: {address} is not public")
    return _open_socket(info)


def _open_socket(info: tuple[Any, ...]) -> socket.socket:
    family, kind, proto = info[:3]
    return socket.socket(family=family, type=kind, proto=proto)


def _reason(failed: Exception) -> str:
    """One line without internal addresses or file names."""
    cause = failed.os_error if isinstance(failed, aiohttp.ClientConnectorError) else failed
    if isinstance(cause, AddressRefused) or "address refused" in str(cause):
        return str(cause.strerror if isinstance(cause, OSError) and cause.strerror else cause)
    if isinstance(failed, aiohttp.ClientConnectorDNSError):
        return "the host name has no address"
    if isinstance(failed, aiohttp.ClientConnectorCertificateError):
        return "the certificate is not trusted"
    if isinstance(failed, aiohttp.ClientConnectorError):
        return f"cannot connect: {type(cause).__name__}"
    return f"no response: {type(failed).__name__}"


def _shown(read: bytes) -> str:
    return read[: 4 * SHOWN].decode("utf-8", "replace").replace("\x00", "")[:SHOWN]
