"""What the API's handlers share, and how a request becomes a caller."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from aiohttp import web
from pydantic import BaseModel, TypeAdapter, ValidationError
from sqlalchemy import Connection

from media.hls import HlsHub
from media.service import MediaService
from moderation.permissions import Action, Role, may
from moderation.standing import read_role, refuse_banned
from rooms.errors import Refused
from rooms.gifts.catalogue import GiftCatalogue
from rooms.heads import RoomRow
from rooms.history import read_room
from rooms.ports import Caller
from rooms.wallet.coins import CoinRules
from server.answers import problem_from
from server.audit import AuditKeeper
from server.audit_watch import AuditWatch
from server.auth import GUEST, DemoTokens, Identity, SignedPaths, Tokens
from server.avatars import AvatarDesk
from server.banned_ranges import BannedRanges
from server.commands import Commands, Services
from server.credentials import StreamKeyring
from server.filter_desk import FilterDesk
from server.gifts import GiftKeeper
from server.limits import CommandLimits, site_of
from server.live.connection import as_caller
from server.live.rooms import LiveRooms
from server.packets import PacketPages
from server.pictures import Pictures
from server.posters_elsewhere import AllPosters
from server.proxies import client_of
from server.recording_library import RecordingLibrary
from server.replay_desk import ReplayDesk
from server.rights import PublishRights
from server.signins import Place, SignIns
from server.store.group import Answer
from server.store.store import Store
from server.transparency import PlatformNumbers
from server.vision import PictureChecks
from server.webhooks.endpoints import Endpoints
from server.webhooks.post import Post
from server.webhooks.service import Webhooks

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Api:
    """The node's parts that the API needs."""

    store: Store
    tokens: Tokens
    commands: Commands
    limits: CommandLimits
    services: Services
    live: LiveRooms
    media: MediaService
    hls: HlsHub
    posters: AllPosters
    publisher: Callable[[str], Awaitable[dict[str, Any] | None]]
    """A room's publisher and viewers, whichever nodes they are at; see ``Picture.publisher``."""
    paths: SignedPaths
    signins: SignIns
    keyring: StreamKeyring
    pictures: Pictures
    avatars: AvatarDesk
    demo: DemoTokens | None
    grant_demo_role: Callable[[Identity], Any]
    clock_ms: Callable[[], int]
    pictures_max_bytes: int
    webhooks: Webhooks
    endpoints: Endpoints
    post: Post
    coin_rules: CoinRules
    gift_catalogue: GiftCatalogue
    gift_keeper: GiftKeeper
    packet_pages: PacketPages
    rights: PublishRights
    library: RecordingLibrary
    replay: ReplayDesk
    audit: AuditKeeper
    audit_watch: AuditWatch
    transparency: PlatformNumbers
    vision: PictureChecks
    ranges: BannedRanges
    filter: FilterDesk

    async def identify(self, request: web.Request) -> Identity:
        """The caller by ``Authorization: Bearer``; a guest without. Raises ``Refused``.

        A request that changes something is counted as a command of the caller's.
        """
        identity = await self._caller(request)
        if request.method not in ("GET", "HEAD"):
            site = site_of(client_of(request).address)
            self.limits.count(connection=None, user=identity.id, address=site, now_ms=self.clock_ms())
        return identity

    async def _caller(self, request: web.Request) -> Identity:
        header = request.headers.get("Authorization")
        if header is None:
            return GUEST
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refused("bad_token", "Give the token as Authorization: Bearer.")
        return await self.tokens.verify(token.strip(), self.clock_ms())

    async def in_room(
        self, request: web.Request, *, banned_too: bool = False
    ) -> tuple[str, Identity, RoomRow, Role]:
        """The room of the path, the caller, the room's row and the caller's role. Raises ``Refused``.

        ``banned_too``: for what nobody is kept from, such as their own orders.
        """
        identity = await self.identify(request)
        room_id = request.match_info["room"]
        if not identity.may_enter(room_id):
            raise Refused("forbidden", "Your token is for another room.")
        if not banned_too:
            await self.ranges.ask(room_id, identity, place_of(request))
        caller = as_caller(identity)
        now_ms = None if banned_too or caller.operator else self.clock_ms()
        row, role = await self.store.read(lambda conn: _room_and_role(conn, room_id, caller, now_ms))
        if not row.public and identity.is_guest:
            raise Refused("unauthenticated")
        return room_id, identity, row, role

    async def allowed(self, request: web.Request, action: Action) -> tuple[str, Caller]:
        """The room and the caller, if the caller may do that there. Raises ``Refused``."""
        room_id, identity, _, role = await self.in_room(request)
        if identity.is_guest:
            raise Refused("unauthenticated")
        if not may(role, action):
            raise Refused("forbidden")
        return room_id, as_caller(identity)


API = web.AppKey("api", Api)


def _room_and_role(
    conn: Connection, room_id: str, caller: Caller, now_ms: int | None
) -> tuple[RoomRow, Role]:
    """``now_ms`` None: whoever is banned may, too."""
    row = read_room(conn, room_id)
    if row is None:
        raise Refused("room_not_found")
    if caller.id is not None and now_ms is not None:
        refuse_banned(conn, room_id, caller.id, now_ms)
    return row, read_role(conn, room_id, caller, row.host_id)


def place_of(request: web.Request) -> Place:
    """Where a request comes from. Which device it is isn't said over HTTP."""
    return Place(client_of(request).address)


async def body(request: web.Request) -> dict[str, Any]:
    """The JSON object of the body. Raises ``Refused``."""
    if request.content_type != "application/json":
        raise Refused("unsupported_media_type", "Send application/json.")
    try:
        payload = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise Refused("bad_request", f"The body is not JSON: {error}") from error
    if not isinstance(payload, dict):
        raise Refused("bad_request", "The body must be a JSON object.")
    return payload


async def parsed(request: web.Request, model: type[M]) -> M:
    return model.model_validate(await body(request))


class Made(web.Response):
    """A JSON answer whose body is yet to be made, by the type that the API's description names for it."""

    def __init__(self, payload: Any, status: int, headers: dict[str, str] | None) -> None:
        super().__init__(status=status, content_type="application/json", headers=headers)
        self.payload = payload

    def finish(self, shape: TypeAdapter[Any] | None) -> None:
        """Raises ``TypeError`` if the answer isn't what is promised: a programming error."""
        made = self.payload
        if shape is not None:
            try:
                made = shape.validate_python(made)
            except ValidationError as error:
                raise TypeError(f"an answer is not as described: {error}") from error
        self.body = orjson.dumps(made)


def ok(payload: Any, status: int = 200, headers: dict[str, str] | None = None) -> Made:
    """A JSON answer."""
    return Made(payload, status, headers)


def from_answer(answer: Answer, status: int = 200) -> web.Response:
    """A command's answer over HTTP: its fields without ``ok``, or problem details."""
    wire = orjson.loads(answer.body)
    if answer.ok:
        del wire["ok"]
        return ok(wire, status)
    return problem_from(wire["error"])


def page_args(request: web.Request, *, limit_max: int = 200) -> tuple[str | None, int]:
    """``cursor`` and ``limit`` of the query. Raises ``Refused``."""
    cursor = request.query.get("cursor") or None
    if cursor is not None and not re.fullmatch(r"[0-9A-Za-z-]{1,64}", cursor):
        raise Refused("bad_request", "cursor: not one of ours")
    return cursor, int_arg(request, "limit", 50, 1, limit_max)


def int_arg(request: web.Request, name: str, default: int, low: int, high: int) -> int:
    raw = request.query.get(name)
    if raw is None:
        return default
    if not raw.isascii() or not raw.isdigit() or len(raw) > 16:
        raise Refused("bad_request", f"{name}: a whole number, please")
    return max(low, min(high, int(raw)))
