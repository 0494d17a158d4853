"""Pictures of any size and format into one size, whole, with black beside or above."""

from __future__ import annotations

from typing import cast

import av
from av import VideoFrame


class Letterbox:
    """Not thread-safe. A new shape of the pictures makes a new graph."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._graph = av.filter.Graph()
        self._shape: tuple[int, int, str] | None = None

    def fit(self, frame: VideoFrame) -> VideoFrame:
        """The picture in yuv420p."""
        shape = (frame.width, frame.height, frame.format.name)
        if shape != self._shape:
            self._graph, self._shape = self._make(frame), shape
        frame.pts = None
        self._graph.push(frame)
        return cast("VideoFrame", self._graph.pull())

    def _make(self, frame: VideoFrame) -> av.filter.Graph:
        width, height = self._width, self._height
        graph = av.filter.Graph()
        nodes = [
            graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
            ),
            graph.add("scale", f"{width}:{height}:force_original_aspect_ratio=decrease:force_divisible_by=2"),
            graph.add("pad", f"{width}:{height}:(ow-iw)/2:(oh-ih)/2"),
            graph.add("format", "yuv420p"),
            graph.add("buffersink"),
        ]
        graph.link_nodes(*nodes).configure()
        return graph
