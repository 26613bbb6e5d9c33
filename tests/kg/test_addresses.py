"""Which addresses are the internet's: everything that is not, however it is written, is inside."""

from __future__ import annotations

import pytest

from kg.addresses import is_public, may_have

INSIDE = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *(
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
    ),
    *(
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd12:3456::1",
        "ff02::1",
        "2001:db8::1",
    ),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::"),
    *("2002:c0a8:101::1", "::127.0.0.1", "not an address", ""),
]


@pytest.mark.parametrize("address", INSIDE)
def test_address_inside_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2001:4860:4860::8888", "64:ff9b::808:808"])
def test_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


def test_one_address_inside_is_enough_to_refuse_a_name() -> None:
    assert may_have("example.org", ["93.184.216.34", "8.8.8.8"])
    assert not may_have("example.org", ["93.184.216.34", "::1"])


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "169.254.169.254", "localhost", "virtuoso"])
def test_machine_that_the_operator_named_may_be_inside(host: str) -> None:
    assert may_have(host, ["127.0.0.1"])
