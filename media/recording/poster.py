"""A recording's poster: its first picture, as a JPEG. Runs in a thread."""

from __future__ import annotations

import io

import av

from media.vision.blur import soften

WIDTH_MAX = 1280


def make_poster(init: bytes, segment: bytes, *, blurred: bool = False) -> bytes | None:
    """The first keyframe of a segment that begins with one; None if it can't be decoded. ``blurred``: so that
    nothing can be made out."""
    try:
        with av.open(io.BytesIO(init + segment), "r", format="mp4") as container:
            for frame in container.decode(video=0):
                picture = frame.to_image()  # type: ignore[no-untyped-call]
                picture.thumbnail((WIDTH_MAX, WIDTH_MAX))
                if blurred:
                    picture = soften(picture)
                out = io.BytesIO()
                picture.save(out, "JPEG", quality=82, optimize=True)
                return out.getvalue()
    except (av.FFmpegError, ValueError, IndexError):
        return None
    return None
