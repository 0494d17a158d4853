"""A stored file's bytes as an answer, which is whole or is seen to be broken off."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

from aiohttp import web

from media.recording.archive import ArchiveError
from rooms.errors import Refused

log = logging.getLogger(__name__)

_RETRY_MS = 2_000


async def pour(
    request: web.Request, response: web.StreamResponse, pieces: AsyncIterator[bytes], length: int
) -> web.StreamResponse:
    """Sends ``pieces``, ``length`` bytes in all, under the head of ``response``.

    The first piece is read before the head is sent, while what is missing can still be said: raises
    ``Refused``: ``not_found``, ``temporarily_unavailable``. If the file ends too early after that, or can't
    be read on, the connection is cut off: whatever else came under this head would be taken, and kept, for
    the file's bytes.
    """
    try:
        first = await anext(pieces, b"")
    except FileNotFoundError as error:
        raise Refused("not_found") from error
    except ArchiveError as error:
        raise Refused("temporarily_unavailable", retry_after_ms=_RETRY_MS) from error
    if length and not first:
        raise Refused("not_found")
    await response.prepare(request)
    await response.write(first)
    sent = len(first)
    try:
        async for piece in pieces:
            await response.write(piece)
            sent += len(piece)
    except (FileNotFoundError, ArchiveError) as error:
        log.warning("a file broke off", extra={"path": request.path, "error": str(error)})
    if sent == length:
        await response.write_eof()
    elif request.transport is not None:
        request.transport.abort()
    return response
