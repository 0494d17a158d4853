"""Product pictures: taken from a host, decoded and encoded anew, kept in SQL so that every node has them.

Encoding anew leaves nothing of the upload but its pixels: no scripts, no metadata, no trailing files.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError
from sqlalchemy import BigInteger, Column, Connection, LargeBinary, String, Table, func, select

from rooms.errors import Refused
from rooms.heads import ROOMS
from rooms.ports import Caller, Standing
from rooms.rows import Steps, new_id
from rooms.schema import metadata
from rooms.unit import Unit

SIDE_MAX = 1024
PIXELS_MAX = 40_000_000
ENCODED_AT_ONCE = 2

pictures_table = Table(
    "pictures",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("room_id", String(64), nullable=False, index=True),
    Column("user_id", String(128), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)


def re_encode(upload: bytes) -> bytes:
    """A WebP of at most 1024 pixels a side. Raises ``Refused("bad_picture")``. Not for the loop: slow."""
    return as_webp(upload, _shrunk)


def _shrunk(image: Image.Image) -> Image.Image:
    image.thumbnail((SIDE_MAX, SIDE_MAX))
    return image


def as_webp(upload: bytes, shape: Callable[[Image.Image], Image.Image]) -> bytes:
    """A WebP of what ``shape`` makes of the picture, the right way up, RGB or RGBA. It is known by what is in
    it, not by what it is called; of a moving one it is the first frame. As :func:`re_encode`."""
    try:
        with Image.open(io.BytesIO(upload), formats=("JPEG", "PNG", "WEBP")) as image:
            if image.width * image.height > PIXELS_MAX:
                raise Refused("bad_picture", "The picture has too many pixels.")
            upright = ImageOps.exif_transpose(image).convert("RGBA" if _has_alpha(image) else "RGB")
            out = io.BytesIO()
            shape(upright).save(out, "WEBP", quality=82)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise Refused("bad_picture") from error
    return out.getvalue()


def _has_alpha(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info


class Pictures:
    """Keeping and finding pictures."""

    def __init__(self, standing: Standing, pictures_max: int) -> None:
        """``pictures_max``: for one room."""
        self._standing = standing
        self._pictures_max = pictures_max
        # A picture of few bytes may take 300 MB while it is encoded anew.
        self._encoding = asyncio.Semaphore(ENCODED_AT_ONCE)

    async def encode(self, upload: bytes) -> bytes:
        """See :func:`re_encode`; waits for a turn."""
        async with self._encoding:
            return await asyncio.to_thread(re_encode, upload)

    def add(self, tx: Unit, room_id: str, body: bytes, caller: Caller) -> Steps[Any]:
        """Refuses with ``forbidden``, ``too_many``."""
        yield ROOMS.rows(room_id)
        yield from self._standing.load(room_id, caller.id)
        tx.room(room_id)
        self._standing.require(tx, room_id, caller, "manage_products")
        # Of several in one group each counts what is stored: a few more than the limit do no harm.
        query = select(func.count()).where(pictures_table.c.room_id == room_id)
        if (tx.conn.scalar(query) or 0) >= self._pictures_max:
            message = f"A room has at most {self._pictures_max} pictures."
            raise Refused("too_many", message, details={"limit": self._pictures_max})
        name = f"{new_id()}.webp"
        tx.insert(
            pictures_table,
            {"name": name, "room_id": room_id, "user_id": caller.id or "", "at_ms": tx.now_ms, "body": body},
        )
        return {"url": f"/pictures/{name}"}


def read_picture(conn: Connection, name: str) -> bytes | None:
    return conn.scalar(select(pictures_table.c.body).where(pictures_table.c.name == name))


def has_picture(conn: Connection, room_id: str, path: str) -> bool:
    """Whether the room has a picture at this path, ``/pictures/…``."""
    name = path.removeprefix("/pictures/")
    query = select(pictures_table.c.name).where(
        pictures_table.c.name == name, pictures_table.c.room_id == room_id
    )
    return conn.scalar(query) is not None
