"""One MP4 file for downloading, made of archived CMAF segments without touching what is coded in them."""

from __future__ import annotations

from media.movie.builder import Movie, MovieBuilder

__all__ = ["Movie", "MovieBuilder"]
