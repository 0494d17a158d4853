"""Who may come in."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from rooms.errors import Refused
from server.socket.admission import Admission


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def code(admission: Admission, address: str) -> str | None:
    try:
        admission.check(ip_address(address))
    except Refused as refusal:
        return refusal.code
    return None


def test_so_many_an_address_and_no_more() -> None:
    admission = Admission(2, Clock())
    sites = [admission.enter(ip_address("192.0.2.1")) for _ in range(2)]
    assert code(admission, "192.0.2.1") == "too_many_connections"
    with pytest.raises(Refused) as refused:
        admission.check(ip_address("192.0.2.1"))
    assert refused.value.temporary
    assert refused.value.retry_after_ms
    assert code(admission, "192.0.2.2") is None
    admission.leave(sites[0])
    assert code(admission, "192.0.2.1") is None
    admission.leave(sites[1])
    with pytest.raises(KeyError):
        admission.leave(sites[1])


def test_a_site_of_ipv6_is_one() -> None:
    admission = Admission(1, Clock())
    admission.enter(ip_address("2001:db8::1"))
    assert code(admission, "2001:db8::ffff") == "too_many_connections"
    assert code(admission, "2001:db8:0:1::1") is None


def test_nobody_while_the_loop_lags() -> None:
    clock = Clock()
    admission = Admission(1, clock)
    admission.looked(next_in_s=0.1)
    clock.now += 0.3
    assert code(admission, "192.0.2.1") is None  # 200 ms late
    clock.now += 0.1
    assert code(admission, "192.0.2.1") == "busy"  # nothing has looked at the clock for too long
    admission.looked(next_in_s=0.1)
    assert code(admission, "192.0.2.1") == "busy"  # as late as it was the last time
    clock.now += 0.1
    admission.looked(next_in_s=0.1)
    assert code(admission, "192.0.2.1") is None
