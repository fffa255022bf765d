"""No request is sent to internal addresses: the checked address is the one that is connected to, whatever the name is."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import pytest

from chassis.db import Database
from tests.webhook_svc.bench import Clock, bench, event
from tests.webhook_svc.receiver import Receiver
from webhook_svc.clients import receiver as clients
from webhook_svc.clients.receiver import Lookup, SendFailed
from webhook_svc.domain.delivery import State

V4, V6 = socket.AF_INET, socket.AF_INET6


class Names:
    """A name server that returns these addresses, one list per query; the last one is repeated."""

    def __init__(self, *answers: Sequence[tuple[int, str]]) -> None:
        self._answers = [list(answer) for answer in answers]
        self.asked = 0

    async def __call__(self, _host: str, _port: int, _family: int) -> list[tuple[int, str]]:
        self.asked += 1
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


async def refusal(url: str, lookup: Lookup) -> str:
    """Why no request was sent."""
    sender = clients.Receiver(allow_private=False, timeout_s=2.0, lookup=lookup)
    try:
        with pytest.raises(SendFailed) as caught:
            await sender.post(url, b"{}", {})
    finally:
        await sender.close()
    return str(caught.value)


@pytest.mark.parametrize(
    ("family", "address"),
    [
        (V4, "127.0.0.1"),
        (V4, "10.0.0.1"),
        (V4, "169.254.169.254"),
        (V4, "100.64.0.1"),
        (V4, "0.0.0.0"),  # noqa: S104 - refused, never bound
        (V4, "224.0.0.1"),
        (V6, "::1"),
        (V6, "::ffff:127.0.0.1"),
        (V6, "fd00:ec2::254"),
        (V6, "fe80::1"),
        (V6, "64:ff9b::7f00:1"),
    ],
)
async def test_a_name_that_leads_inside_is_not_followed(family: int, address: str) -> None:
    assert await refusal("https://shop.example.com/", Names([(family, address)])) == (
        f"address refused: {address} is not public"
    )


async def test_a_name_that_turns_inside_after_its_first_use_is_judged_again(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding. The test's receiver plays a public host without TLS, so the first request fails after connecting."""
    monkeypatch.setattr("webhook_svc.domain.addresses.is_public", lambda address: address == "127.0.0.1")
    monkeypatch.setattr(clients, "DNS_S", 0)
    names = Names([(V4, "127.0.0.1")], [(V4, "127.0.0.2")])
    sender = clients.Receiver(allow_private=False, timeout_s=2.0, lookup=names)
    port = receiver.url().rsplit(":", 1)[1].strip("/")
    reasons = []
    for _ in range(2):
        with pytest.raises(SendFailed) as caught:
            await sender.post(f"https://shop.example.com:{port}/", b"{}", {})
        reasons.append(str(caught.value))
    await sender.close()
    assert names.asked == 2
    assert "refused" not in reasons[0]
    assert reasons[1] == "address refused: 127.0.0.2 is not public"


async def test_of_several_addresses_an_inside_one_is_never_connected_to() -> None:
    reason = await refusal("https://shop.example.com/", Names([(V4, "127.0.0.1"), (V6, "::1"), (V4, "10.0.0.1")]))
    assert "address refused" in reason


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://2130706433/",
        "https://127.1/",
        "https://0x7f000001/",
        "https://localhost/",
        "http://shop.example.com/",
        "https://user@shop.example.com/",
        "https://shop.example.com:25/",
    ],
)
async def test_a_url_that_was_kept_in_other_times_is_judged_again_when_it_is_used(url: str) -> None:
    names = Names([(V4, "127.0.0.1")])
    assert (await refusal(url, names)).startswith("address refused: the url must")
    assert names.asked == 0, "no name server was asked"


async def test_a_name_without_an_address_says_so() -> None:
    async def nowhere(_host: str, _port: int, _family: int) -> list[tuple[int, str]]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    assert await refusal("https://shop.example.com/", nowhere) == "the host name has no address"


async def test_the_socket_itself_is_refused_even_if_everything_before_it_was_wrong() -> None:
    with pytest.raises(clients.AddressRefused, match=r"127\.0\.0\.1 is not public"):
        clients._guarded_socket((V4, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 443)))


async def test_a_refused_delivery_says_why_in_its_log_and_is_tried_again_later(
    db: Database, clock: Clock, receiver: Receiver
) -> None:
    port = receiver.url().rsplit(":", 1)[1].strip("/")
    names = Names([(V4, "127.0.0.1")])
    async with bench(db, clock, lookup=names, allow_private=False) as work:
        endpoint, _ = await work.endpoint(f"https://shop.example.com:{port}/")
        await work.happens(event())
        await work.settled()
        [delivery] = await work.log(endpoint)
        assert (delivery.state, delivery.last_error) == (
            State.PENDING,
            "address refused: 127.0.0.1 is not public",
        )
        [attempt] = await work.parts.deliveries.attempts(endpoint.endpoint_id, delivery.delivery_id)
        assert (attempt.status, attempt.answer) == (0, "")
    assert receiver.got == []


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    monkeypatch.setenv("https_proxy", receiver.url())
    monkeypatch.setenv("HTTPS_PROXY", receiver.url())
    assert "is not public" in await refusal("https://shop.example.com/", Names([(V4, "10.1.1.1")]))
    assert receiver.got == []
