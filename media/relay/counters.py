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
