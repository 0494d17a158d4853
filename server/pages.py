"""The web pages: built files from ``clients/web/dist``, served with a strict content security policy."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from rooms.errors import Refused

PAGES = {
    "/": "index.html",
    "/r/{room}": "viewer.html",
    "/studio/{room}": "studio.html",
    "/desk/{room}": "desk.html",
    "/api/docs": "docs.html",
    "/platform": "platform.html",
    "/verify": "verify.html",
    "/replay/{recording}": "replay.html",
}

DEFAULT_ROOT = Path(__file__).resolve().parent.parent / "clients" / "web" / "dist"

CSP = (
    "default-src 'self'; img-src 'self' data: blob: https:; media-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self' ws: wss:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""The policy; sites that may frame the pages are added at its end."""

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self)",
    "Cache-Control": "no-cache",
}

# Opened by itself, an SVG is a page, which must not be one of ours.
_PICTURE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Cache-Control": "public, max-age=86400",
}


class Pages:
    """Serves the pages; without a build it says what to do. A build that comes later is found."""

    def __init__(self, root: Path = DEFAULT_ROOT, embed_origins: Sequence[str] = ()) -> None:
        self._root = root
        self._headers = _HEADERS | {"Content-Security-Policy": " ".join([CSP, *embed_origins])}

    def attach(self, app: web.Application) -> None:
        for path, name in PAGES.items():
            app.router.add_get(path, self._page(name))
        app.router.add_get(r"/assets/{name:[A-Za-z0-9._-]+}", self._asset)
        app.router.add_get(r"/gifts/{name:[a-z0-9-]{1,40}\.svg}", self._gift)
        app.router.add_get(r"/{name:(?:favicon|icon|apple-touch-icon)\.(?:svg|png|ico)}", self._asset)

    def _page(self, name: str) -> Handler:
        async def handler(_: web.Request) -> web.StreamResponse:
            file = self._root / name
            if not await asyncio.to_thread(file.is_file):
                raise Refused("not_found", "The web pages are not built: run ./dev run, or npm run build.")
            return web.FileResponse(file, headers=self._headers)

        return handler

    async def _gift(self, request: web.Request) -> web.StreamResponse:
        """A gift's picture of those that come with us."""
        file = self._root / "gifts" / request.match_info["name"]
        if not await asyncio.to_thread(file.is_file):
            raise Refused("not_found")
        return web.FileResponse(file, headers=_PICTURE_HEADERS)

    async def _asset(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        folder = self._root / "assets" if request.path.startswith("/assets/") else self._root
        file = folder / name
        if name.startswith(".") or not await asyncio.to_thread(file.is_file):
            raise Refused("not_found")
        headers = {"X-Content-Type-Options": "nosniff"}
        if folder != self._root:
            headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return web.FileResponse(file, headers=headers)
