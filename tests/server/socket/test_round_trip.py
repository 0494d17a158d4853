"""The round trip that the server measures by its own pings."""

from __future__ import annotations

from server.socket.round_trip import RoundTrip


def measured(*trips_s: float) -> RoundTrip:
    trip = RoundTrip()
    for n, took_s in enumerate(trips_s):
        trip.sent(n * 20.0)
        trip.answered(n * 20.0 + took_s)
    return trip


def test_what_was_never_measured_is_nothing() -> None:
    trip = RoundTrip()
    assert trip.ms == 0
    trip.answered(5.0)  # an answer to no ping
    assert trip.ms == 0
    trip.sent(10.0)
    assert trip.ms == 0


def test_the_shortest_of_the_last_few_counts() -> None:
    assert measured(0.0809).ms == 80
    assert measured(0.0809, 3.0).ms == 80
    assert measured(0.0809, 3.0, 0.5, 0.25).ms == 250


def test_an_answer_counts_once() -> None:
    trip = measured(0.25)
    trip.answered(0.5)
    trip.answered(0.01)
    assert trip.ms == 250
