"""The process that decodes and looks: ``python -m media.vision.worker CHECKER MEMORY_BYTES JOB_S``."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable
from typing import Any

import av
from PIL import Image, ImageOps

from media.checks.findings import findings
from media.checks.job import Undecodable, serve
from media.checks.wire import Head
from media.vision.blur import soften
from media.vision.checkers import SIDE_MAX, Check, load

PIXELS_MAX = 4096 * 2304
STILL_SIDE, BLURRED_SIDE = 640, 320
UNREADABLE = (av.FFmpegError, OSError, IndexError, ValueError, SyntaxError, Image.DecompressionBombError)
_FORMATS = ("JPEG", "PNG", "WEBP")


def look(check: Check, job: Head, body: bytes) -> tuple[Head, bytes]:
    """The scores; and stills, if there are hits or somebody asked for them."""
    picture = decode(job["kind"], body, job["cut"])
    scores = {name: float(score) for name, score in check(picture).items()}
    if not job["stills"] and not findings(scores, job["thresholds"]):
        return {"scores": scores}, b""
    still = _jpeg(picture, STILL_SIDE)
    blurred = _jpeg(soften(_small(picture, BLURRED_SIDE)), BLURRED_SIDE)
    return {"scores": scores, "cut": len(still)}, still + blurred


def decode(kind: str, body: bytes, cut: int) -> Image.Image:
    """The picture in RGB, at most ``SIDE_MAX`` a side. Raises ``Undecodable``."""
    try:
        if kind == "image":
            picture = _from_file(body)
        elif kind == "vp8":
            picture = _first(av.CodecContext.create("vp8", "r"), [av.Packet(body)])
        else:
            picture = _from_part(body)
    except (
        av.FFmpegError,
        OSError,
        IndexError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
    ) as error:
        raise Undecodable(f"{type(error).__name__}: {error}"[:200]) from error
    picture.thumbnail((SIDE_MAX, SIDE_MAX), Image.Resampling.BILINEAR)
    return picture


def _from_file(body: bytes) -> Image.Image:
    """What is transparent is seen on white, as on most pages."""
    with Image.open(io.BytesIO(body), formats=_FORMATS) as image:
        if image.width * image.height > PIXELS_MAX * 5:
            raise Undecodable("a picture of that size is not decoded")
        upright = ImageOps.exif_transpose(image).convert("RGBA")
    ground = Image.new("RGB", upright.size, "white")
    ground.paste(upright, mask=upright.getchannel("A"))
    return ground


def _from_part(body: bytes) -> Image.Image:
    with av.open(io.BytesIO(body), "r", format="mp4") as container:
        stream = container.streams.video[0]
        if not 0 < stream.codec_context.width * stream.codec_context.height <= PIXELS_MAX:
            raise Undecodable("a picture of that size is not decoded")
        return _first(stream.codec_context, container.demux(stream))


def _first(decoder: av.CodecContext, packets: Iterable[av.Packet[Any]]) -> Image.Image:
    """Decodes the first packet alone; with the flush after it its picture comes, whatever a decoder holds."""
    if not isinstance(decoder, av.VideoCodecContext):
        raise Undecodable("this isn't a picture's codec")
    decoder.thread_count = 1
    for packet in packets:
        for frame in [*decoder.decode(packet), *decoder.decode(None)]:
            if frame.width * frame.height > PIXELS_MAX:
                raise Undecodable("a picture of that size is not decoded")
            image: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
            return image
        break
    raise Undecodable("there is no picture in it")


def _small(picture: Image.Image, side: int) -> Image.Image:
    small = picture.copy()
    small.thumbnail((side, side))
    return small


def _jpeg(picture: Image.Image, side: int) -> bytes:
    out = io.BytesIO()
    _small(picture, side).save(out, "JPEG", quality=75)
    return out.getvalue()


if __name__ == "__main__":
    Image.MAX_IMAGE_PIXELS = PIXELS_MAX * 5
    sys.exit(serve(sys.argv[1:], load, look))
