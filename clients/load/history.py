"""The room's log over HTTP, to hold against what arrived."""

from __future__ import annotations

import aiohttp

from clients.load.audit import RoomLog

PAGE = 1000
PAGES_MAX = 1000


async def read_log(url: str, room: str, token: str | None, start: int) -> RoomLog:
    """The log after ``start``, as it is now. Raises ``aiohttp.ClientError``."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    offsets: list[int] = []
    epoch, after, left_out = "", start, 0
    async with aiohttp.ClientSession(headers=headers, raise_for_status=True) as http:
        for _ in range(PAGES_MAX):
            query = {"after": str(after), "limit": str(PAGE)}
            async with http.get(f"{url}/api/v1/rooms/{room}/events", params=query) as answer:
                page = await answer.json()
            epoch = page["epoch"]
            offsets += [item["offset"] for item in page["items"]]
            left_out += sum(page["skipped"].values())
            if page["next"] is None:
                break
            after = int(page["next"])
    # Offsets have no holes: what is left out of the pages is what lies between and behind.
    return RoomLog(epoch, start, start + len(offsets) + left_out, offsets)
