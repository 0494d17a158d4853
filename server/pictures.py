"""Product pictures: taken from a host, decoded and encoded anew, kept in SQL so that every node has them.

Encoding anew leaves nothing of the upload but its pixels: no scripts, no metadata, no trailing files.
Each knows who has looked at it: nobody yet where no checker was on; and whether it is withheld.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    func,
    select,
    text,
    update,
)

from media.vision.blur import soften
from rooms.errors import Refused
from rooms.heads import ROOMS
from rooms.ports import Caller, Standing
from rooms.rows import Steps, new_id
from rooms.schema import metadata
from rooms.unit import Unit

SIDE_MAX = 1024
PIXELS_MAX = 40_000_000
ENCODED_AT_ONCE = 2
CHECKER_CHARS = 200
UNCHECKED = "checked_at_ms IS NULL"
"""To be put into queries as it stands: so it is indexed."""

pictures_table = Table(
    "pictures",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("room_id", String(64), nullable=False, index=True),
    Column("user_id", String(128), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("checked_at_ms", BigInteger),
    Column("checked_by", String(CHECKER_CHARS), nullable=False, server_default=""),
    Column("withheld", Integer, nullable=False, server_default="0"),
    Index("ix_pictures_unchecked", "name", sqlite_where=text(UNCHECKED), postgresql_where=text(UNCHECKED)),
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture as it is served: whether a checker has looked at it, and whether nobody is to see it."""

    body: bytes
    checked: bool
    withheld: bool


@dataclass(frozen=True, slots=True)
class Unchecked:
    """A picture that no checker has looked at, and who gave it."""

    name: str
    room_id: str
    user_id: str


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

    def add(
        self, tx: Unit, room_id: str, body: bytes, caller: Caller, checked_by: str | None = None
    ) -> Steps[Any]:
        """``checked_by``: the checker that has looked at it. Refuses with ``forbidden``, ``too_many``."""
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
            {
                "name": name,
                "room_id": room_id,
                "user_id": caller.id or "",
                "at_ms": tx.now_ms,
                "body": body,
                "checked_at_ms": None if checked_by is None else tx.now_ms,
                "checked_by": (checked_by or "")[:CHECKER_CHARS],
                "withheld": 0,
            },
        )
        return {"url": f"/pictures/{name}"}

    async def blurred(self, body: bytes) -> bytes:
        """One in which nothing can be made out; waits for a turn."""
        async with self._encoding:
            return await asyncio.to_thread(_blur, body)


class Shelf:
    """Implements ``moderation.pictures.uploads.Shelf``."""

    def settle(self, tx: Unit, name: str, checker: str, *, withheld: bool) -> bool:
        table = pictures_table.c
        looked = update(pictures_table).where(table.name == name, table.checked_at_ms.is_(None))
        found = tx.conn.execute(
            looked.values(checked_at_ms=tx.now_ms, checked_by=checker[:CHECKER_CHARS], withheld=int(withheld))
        )
        tx.changes += 1
        return found.rowcount == 1

    def release(self, tx: Unit, name: str) -> None:
        released = update(pictures_table).where(pictures_table.c.name == name).values(withheld=0)

        def release(conn: Connection) -> None:
            conn.execute(released)

        tx.at_flush(release)


def _blur(body: bytes) -> bytes:
    with Image.open(io.BytesIO(body), formats=("WEBP",)) as image:
        out = io.BytesIO()
        soften(image.convert("RGB")).save(out, "JPEG", quality=75)
    return out.getvalue()


def read_picture(conn: Connection, name: str, room_id: str | None = None) -> Kept | None:
    """``room_id``: only if it is that room's."""
    table = pictures_table.c
    query = select(table.body, table.checked_at_ms, table.withheld).where(table.name == name)
    if room_id is not None:
        query = query.where(table.room_id == room_id)
    row = conn.execute(query).one_or_none()
    return Kept(row.body, row.checked_at_ms is not None, bool(row.withheld)) if row else None


def read_unchecked(conn: Connection, after: str, limit: int) -> list[Unchecked]:
    """Pictures that no checker has looked at, by name."""
    table = pictures_table.c
    query = select(table.name, table.room_id, table.user_id).where(text(UNCHECKED), table.name > after)
    return [Unchecked(*row) for row in conn.execute(query.order_by(table.name).limit(limit))]


def count_unchecked(conn: Connection) -> int:
    return conn.scalar(select(func.count()).select_from(pictures_table).where(text(UNCHECKED))) or 0


def count_withheld(conn: Connection) -> int:
    return conn.scalar(select(func.count()).where(pictures_table.c.withheld == 1)) or 0


def has_picture(conn: Connection, room_id: str, path: str) -> bool:
    """Whether the room has a picture at this path, ``/pictures/…``."""
    name = path.removeprefix("/pictures/")
    query = select(pictures_table.c.name).where(
        pictures_table.c.name == name, pictures_table.c.room_id == room_id
    )
    return conn.scalar(query) is not None
