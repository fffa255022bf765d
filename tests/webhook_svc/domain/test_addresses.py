"""The allowed addresses, and every spelling of an internal one."""

from __future__ import annotations

import pytest

from webhook_svc.domain import addresses
from webhook_svc.domain.addresses import UrlInvalid

INSIDE = [
    "0.0.0.0",  # noqa: S104 - refused, never bound
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:a00:1",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::1",
    "100::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "no address",
    "",
]
OUTSIDE = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "172.15.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8"]
REFUSED = [
    ("http://shop.example.com/", "must begin with https://"),
    ("ftp://shop.example.com/", "must begin with https://"),
    ("//shop.example.com/", "must begin with https://"),
    ("https://", "needs a host"),
    ("https://:443/", "needs a host"),
    ("https://./", "needs a host"),
    ("https://user@shop.example.com/", "must not hold credentials"),
    ("https://user:secret@shop.example.com/", "must not hold credentials"),
    ("https://@shop.example.com/", "must not hold credentials"),
    ("https://shop.example.com/#there", "must not have a fragment"),
    ("https://shop.example.com/#", "must not have a fragment"),
    ("https://shop.example.com:22/", "must use port 80, 443 or a port from 1024"),
    ("https://shop.example.com:0/", "must not have port 0"),
    ("https://shop.example.com:99999/", "is not a valid URL"),
    ("https://shop.example.com:x/", "is not a valid URL"),
    ("https://[::1/", "is not a valid URL"),
    ("https://shop.example.com/ hook", "must be printable ASCII"),
    ("https://shop.example.com/\r\nHost: x", "must be printable ASCII"),
    ("https://bücher.example/", "must be printable ASCII"),
    ("https://shop.example.com\\@127.0.0.1/", "must be printable ASCII"),
    ("https://shop.example.com/" + "x" * 2_000, "must have at most 2000 characters"),
    ("https://localhost/", "must be a public name"),
    ("https://LOCALHOST./", "must be a public name"),
    ("https://shop.localhost/", "must be a public name"),
    ("https://metadata.google.internal/", "must be a public name"),
    ("https://printer.local/", "must be a public name"),
    ("https://intranet/", "must be a public name"),
    ("https://127.0.0.1/", "must be a public address"),
    ("https://127.0.0.1./", "must be a public address"),
    ("https://127.1/", "must be a public address"),
    ("https://127.0.1/", "must be a public address"),
    ("https://2130706433/", "must be a public address"),
    ("https://0x7f000001/", "must be a public address"),
    ("https://0x7f.0.0.1/", "must be a public address"),
    ("https://0177.0.0.1/", "must be a public address"),
    ("https://017700000001/", "must be a public address"),
    ("https://0/", "must be a public address"),
    ("https://169.254.169.254/latest/meta-data", "must be a public address"),
    ("https://[::1]/", "must be a public address"),
    ("https://[::ffff:127.0.0.1]/", "must be a public address"),
    ("https://[::ffff:7f00:1]:8443/", "must be a public address"),
    ("https://[fd00:ec2::254]/", "must be a public address"),
    ("https://[fe80::1%25eth0]/", "must be a public address"),
]


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_not_of_the_public_internet_is_inside(address: str) -> None:
    assert not addresses.is_public(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_public_addresses_may_be_reached(address: str) -> None:
    assert addresses.is_public(address)


@pytest.mark.parametrize(("url", "why"), REFUSED)
def test_a_url_that_leads_inside_or_astray_is_refused(url: str, why: str) -> None:
    with pytest.raises(UrlInvalid, match=why):
        addresses.check_url(url, allow_private=False)


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example.com",
        "https://shop.example.com/hook?shop=1",
        "https://shop.example.com:8443/",
        "HTTPS://SHOP.EXAMPLE.COM/",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]/hook",
    ],
)
def test_public_https_urls_are_taken(url: str) -> None:
    addresses.check_url(url, allow_private=False)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000/", "http://localhost:3000/hook", "https://10.0.0.1:22/"])
def test_in_development_inside_addresses_are_taken_too(url: str) -> None:
    addresses.check_url(url, allow_private=True)


def test_even_in_development_a_url_is_a_url_without_credentials() -> None:
    for url in ("http://user@localhost/", "file:///etc/passwd", "http://localhost/#x", "http:///x"):
        with pytest.raises(UrlInvalid):
            addresses.check_url(url, allow_private=True)
