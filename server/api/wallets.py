"""Wallets over HTTP: balances, statements, packs, payouts; corrections for operators."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter
from sqlalchemy import Connection

from moderation.permissions import Action
from rooms.commands import Key, Line, RawText, UserId
from rooms.errors import Refused
from rooms.history import read_room
from rooms.ports import Caller
from rooms.wallet.corrections import require_operator
from rooms.wallet.news import read_wallets
from rooms.wallet.payouts import STATUSES, PayoutRow, read_payouts
from rooms.wallet.rules import AMOUNT_MAX, KINDS, Account
from rooms.wallet.store import read_balances, read_statement
from server.api.context import API, Api, from_answer, int_arg, ok, page_args, parsed
from server.commands import request_hash
from server.live.connection import as_caller
from server.store.group import Work
from server.store.keys import CommandKey

routes = web.RouteTableDef()

OWN = ("wallet", "points", "earnings", "takings", "payout", "paid_out")
"""The accounts whose statements their owner may read."""
EARNED = ("earnings", "takings", "payout", "paid_out")

_KEY: TypeAdapter[str] = TypeAdapter(Key)
_USER: TypeAdapter[str] = TypeAdapter(UserId)


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class NewPayout(_Body):
    """So many coins are to be paid out."""

    coins: Annotated[int, Field(ge=1, le=AMOUNT_MAX)]


class SettledPayout(_Body):
    """What became of a payout, for the host to read: a reference of the transfer, or why it failed."""

    note: Line | None = None


class Correction(_Body):
    """``amount`` is added; below zero it is taken away."""

    account: Literal["wallet", "points", "earnings", "takings", "platform"] = "wallet"
    amount: Annotated[int, Field(ge=-AMOUNT_MAX, le=AMOUNT_MAX)]
    reason: Annotated[RawText, StringConstraints(min_length=1)]


# what coins cost


@routes.get("/api/v1/coins")
async def coins(request: web.Request) -> web.Response:
    """The packs of coins, and what a hundred coins are worth when they pay for an order."""
    rules = request.app[API].coin_rules
    packs = [pack.wire() for pack in rules.packs]
    return ok({"items": packs, "next": None, "worth_minor": dict(rules.worth_minor or {})})


# one's own


@routes.get("/api/v1/wallet")
async def my_wallet(request: web.Request) -> web.Response:
    """The caller's coins and points, and what a host has earned."""
    api, caller = await _signed_in(request)
    return ok(await api.store.read(lambda conn: _balances(conn, caller.id or "")))


@routes.get("/api/v1/wallet/statement")
async def my_statement(request: web.Request) -> web.Response:
    """What moved in one of the caller's accounts (``account``, the wallet if it isn't said), newest first."""
    api, caller = await _signed_in(request)
    return await _statement(request, api, caller.id or "", OWN)


@routes.get("/api/v1/payouts")
async def list_payouts(request: web.Request) -> web.Response:
    """The caller's payouts, newest first; an operator sees all, or those of ``host``. ``status`` filters."""
    api, caller = await _signed_in(request)
    cursor, limit = page_args(request)
    host = request.query.get("host") if caller.operator else caller.id
    status = request.query.get("status")
    if status is not None and status not in STATUSES:
        raise Refused("bad_request", f"status: one of {', '.join(STATUSES)}")

    def read(conn: Connection) -> list[PayoutRow]:
        return read_payouts(conn, host_id=host, status=status, before=cursor, limit=limit)

    items = [payout.wire() for payout in await api.store.read(read)]
    return ok({"items": items, "next": items[-1]["id"] if len(items) == limit else None})


@routes.post("/api/v1/payouts")
async def request_payout(request: web.Request) -> web.Response:
    """Have earnings paid out: the coins are set aside until an operator has seen to it."""
    api, caller = await _signed_in(request)
    wanted = await parsed(request, NewPayout)
    payouts = api.services.payouts
    return await _write(
        request, caller, "payout.request", wanted, lambda tx: payouts.request(tx, wanted.coins, caller)
    )


@routes.get("/api/v1/rooms/{room}/earnings")
async def earnings(request: web.Request) -> web.Response:
    """What the room's host has earned, in all rooms: for its host. And the latest payouts."""
    api = request.app[API]
    room_id, _ = await api.allowed(request, Action.SEE_EARNINGS)

    def read(conn: Connection) -> dict[str, Any]:
        room = read_room(conn, room_id)
        host = room.host_id if room else ""
        payouts = [payout.wire() for payout in read_payouts(conn, host_id=host, limit=20)]
        accounts = _balances(conn, host)["accounts"]
        return {"host": host, "accounts": accounts, "payouts": payouts}

    found = await api.store.read(read)
    return ok(found | {"payout_min": api.services.payouts.minimum})


# operators


@routes.post("/api/v1/payouts/{payout}/done")
async def payout_done(request: web.Request) -> web.Response:
    """Operator: the money of a payout has been sent."""
    api, caller = await _operator(request)
    said, payout_id = await parsed(request, SettledPayout), request.match_info["payout"]
    payouts = api.services.payouts
    work = Work("payout.done", lambda tx: payouts.done(tx, payout_id, said.note, caller))
    return from_answer(await api.store.write(work))


@routes.post("/api/v1/payouts/{payout}/return")
async def payout_returned(request: web.Request) -> web.Response:
    """Operator: a payout comes to nothing; the coins are the host's again."""
    api, caller = await _operator(request)
    said, payout_id = await parsed(request, SettledPayout), request.match_info["payout"]
    payouts = api.services.payouts
    work = Work("payout.return", lambda tx: payouts.give_back(tx, payout_id, said.note, caller))
    return from_answer(await api.store.write(work))


@routes.get("/api/v1/wallets/{user}")
async def wallet(request: web.Request) -> web.Response:
    """Operator: what somebody has, in all accounts."""
    api, _ = await _operator(request)
    user = _user(request)
    return ok(await api.store.read(lambda conn: _balances(conn, user, tuple(KINDS))))


@routes.get("/api/v1/wallets/{user}/statement")
async def statement(request: web.Request) -> web.Response:
    """Operator: what moved in one of somebody's accounts, newest first."""
    api, _ = await _operator(request)
    return await _statement(request, api, _user(request), tuple(KINDS))


@routes.post("/api/v1/wallets/{user}/corrections")
async def correct(request: web.Request) -> web.Response:
    """Operator: add to an account or take from it, with a reason. Needs an ``Idempotency-Key``."""
    api, caller = await _operator(request)
    wanted, account_owner = await parsed(request, Correction), _user(request)
    if wanted.amount == 0:
        raise Refused("bad_request", details=[{"path": "amount", "message": "more or less than nothing"}])
    account, service = Account(wanted.account, account_owner), api.services.corrections
    return await _write(
        request,
        caller,
        "wallet.correct",
        wanted,
        lambda tx: service.correct(tx, account, wanted.amount, wanted.reason, caller),
        about=account_owner,
    )


async def _signed_in(request: web.Request) -> tuple[Api, Caller]:
    api = request.app[API]
    identity = await api.identify(request)
    if identity.is_guest:
        raise Refused("unauthenticated")
    return api, as_caller(identity)


async def _operator(request: web.Request) -> tuple[Api, Caller]:
    api, caller = await _signed_in(request)
    require_operator(caller)
    return api, caller


def _user(request: web.Request) -> str:
    return _USER.validate_python(request.match_info["user"])


def _balances(conn: Connection, user: str, kinds: tuple[str, ...] = EARNED) -> dict[str, Any]:
    accounts = {kind: read_balances(conn, kind, [user])[user] for kind in kinds}
    return {**read_wallets(conn, [user])[user], "accounts": accounts}


async def _statement(request: web.Request, api: Api, user: str, kinds: tuple[str, ...]) -> web.Response:
    kind = request.query.get("account", "wallet")
    if kind not in kinds:
        raise Refused("bad_request", f"account: one of {', '.join(kinds)}")
    before = int_arg(request, "cursor", 0, 0, AMOUNT_MAX) or None
    limit = int_arg(request, "limit", 50, 1, 200)
    account = Account(kind, user)
    lines = await api.store.read(lambda conn: read_statement(conn, account, before=before, limit=limit))
    following = str(lines[-1]["seq"]) if len(lines) == limit and lines[-1]["seq"] > 1 else None
    return ok({"items": lines, "next": following})


async def _write(
    request: web.Request, caller: Caller, name: str, wanted: BaseModel, steps: Any, *, about: str = ""
) -> web.Response:
    """Carry out what must happen once: the key says which once."""
    raw_key = request.headers.get("Idempotency-Key")
    if raw_key is None:
        raise Refused("bad_request", "Give an Idempotency-Key: the same again gives the first answer again.")
    key = CommandKey(caller.id or "", name, _KEY.validate_python(raw_key))
    work = Work(name, steps, key, request_hash(_About(about=about, wanted=wanted.model_dump())))
    return from_answer(await request.app[API].store.write(work), 201)


class _About(_Body):
    about: str
    wanted: dict[str, Any]
