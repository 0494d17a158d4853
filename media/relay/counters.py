"""What a node's media layer counts; read by the metrics."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """Totals since the node started. Plain integers: some are counted for every packet of every viewer."""

    packets_in: int = 0
    bytes_in: int = 0
    packets_out: int = 0
    bytes_out: int = 0
    dropped_blocked: int = 0  # the socket had no room
    dropped_codec: int = 0  # the viewer can't take the publisher's codec
    dropped_overload: int = 0  # the node could not keep up
    dropped_held: int = 0  # held back from a viewer until the next keyframe
    dropped_size: int = 0
    nacks_answered: int = 0
    nacks_unanswered: int = 0
    nacks_sent: int = 0
    keyframe_requests: int = 0
    publishers_accepted: int = 0
    viewers_accepted: int = 0
    viewers_refused: int = 0
    viewers_hopeless: int = 0
    relay_packets_in: int = 0
    relay_bytes_in: int = 0
    relay_packets_out: int = 0
    relay_bytes_out: int = 0
    relay_dropped: int = 0  # not sent to another node that reads too slowly
    relay_missed: int = 0  # asked for again from another node
    relay_connects: int = 0
    relay_hls_fetched: int = 0
    relay_hls_given: int = 0
