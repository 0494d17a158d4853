"""Which type makes which response: one table, for the responses and for the API's description."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from aiohttp import web
from pydantic import TypeAdapter

from server.api.context import Made
from server.api.shapes import gifts as g
from server.api.shapes import lotteries as lo
from server.api.shapes import packets as p
from server.api.shapes import people as pe
from server.api.shapes import points as pt
from server.api.shapes import quizzes as q
from server.api.shapes import recordings as rec
from server.api.shapes import replays as rp
from server.api.shapes import review as rv
from server.api.shapes import rooms as r
from server.api.shapes import rulebooks as rb
from server.api.shapes import shop as s
from server.api.shapes import transparency as tp
from server.api.shapes import wallets as c
from server.api.shapes import webhooks as w
from server.api.shapes.base import Nothing, Page
from server.api.shapes.commands import COMMANDS

REF = "#/components/schemas/{model}"
COMMAND_PATH = "/api/v1/rooms/{room}/commands/{command}"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A response's type and status."""

    shape: Any
    status: int = 200


ANSWERS: dict[tuple[str, str], Answer] = {
    ("GET", "/api/v1/rooms"): Answer(Page[r.Room]),
    ("POST", "/api/v1/rooms"): Answer(r.Room, 201),
    ("GET", "/api/v1/rooms/{room}"): Answer(r.Room),
    ("GET", "/api/v1/rooms/{room}/events"): Answer(r.Events),
    ("GET", "/api/v1/rooms/{room}/products"): Answer(Page[s.ShownProduct]),
    ("GET", "/api/v1/rooms/{room}/orders"): Answer(Page[s.Order]),
    ("GET", "/api/v1/rooms/{room}/sales"): Answer(Page[s.Sale]),
    ("GET", "/api/v1/rooms/{room}/coupons"): Answer(Page[s.MadeCoupon]),
    ("GET", "/api/v1/rooms/{room}/lotteries"): Answer(Page[lo.Lottery]),
    ("GET", "/api/v1/rooms/{room}/quizzes"): Answer(Page[q.Quiz]),
    ("GET", "/api/v1/rooms/{room}/quizzes/{quiz}"): Answer(q.WholeQuiz),
    ("GET", "/api/v1/rooms/{room}/polls"): Answer(Page[q.Poll]),
    ("GET", "/api/v1/rooms/{room}/polls/{poll}"): Answer(q.Poll),
    ("GET", "/api/v1/rooms/{room}/packets"): Answer(Page[p.Packet]),
    ("GET", "/api/v1/rooms/{room}/packets/{packet}"): Answer(p.PacketOpens),
    ("GET", "/api/v1/rooms/{room}/mutes"): Answer(Page[r.Sanction]),
    ("GET", "/api/v1/rooms/{room}/sanctions"): Answer(Page[r.KeptSanction]),
    ("GET", "/api/v1/sanctions"): Answer(Page[r.KeptSanction]),
    ("GET", "/api/v1/appeals"): Answer(Page[rv.Appeal]),
    ("GET", "/api/v1/rooms/{room}/review"): Answer(rv.ReviewPage),
    ("GET", "/api/v1/rooms/{room}/review/{item}"): Answer(rv.WholeReviewItem),
    ("GET", "/api/v1/rooms/{room}/audit"): Answer(Page[r.AuditLine]),
    ("GET", "/api/v1/rooms/{room}/audit/chain"): Answer(r.AuditChain),
    ("GET", "/api/v1/rooms/{room}/transparency"): Answer(r.Transparency),
    ("POST", "/api/v1/audit/erase"): Answer(r.ErasedFromAudit),
    ("GET", "/api/v1/rooms/{room}/members"): Answer(Page[r.Member]),
    ("GET", "/api/v1/rooms/{room}/people/{user}"): Answer(pe.SomebodyHere),
    ("GET", "/api/v1/rooms/{room}/address-bans"): Answer(Page[pe.AddressBan]),
    ("GET", "/api/v1/rooms/{room}/stream-keys"): Answer(Page[r.StreamKey]),
    ("POST", "/api/v1/rooms/{room}/stream-keys"): Answer(r.NewKey, 201),
    ("DELETE", "/api/v1/rooms/{room}/stream-keys/{key}"): Answer(Nothing),
    ("GET", "/api/v1/rooms/{room}/publisher"): Answer(r.Publisher),
    ("DELETE", "/api/v1/rooms/{room}/poster.jpg"): Answer(Nothing),
    ("POST", "/api/v1/rooms/{room}/pictures"): Answer(r.Picture, 201),
    ("GET", "/api/v1/rooms/{room}/recordings"): Answer(Page[rec.Recording]),
    ("GET", "/api/v1/recordings/{recording}"): Answer(rec.Recording),
    ("PATCH", "/api/v1/recordings/{recording}"): Answer(rec.Recording),
    ("DELETE", "/api/v1/recordings/{recording}"): Answer(Nothing),
    ("GET", "/api/v1/recordings/{recording}/timeline"): Answer(rp.Timeline),
    ("GET", "/api/v1/recordings/{recording}/chapters"): Answer(Page[rp.Chapter]),
    ("POST", "/api/v1/recordings/{recording}/clips"): Answer(rp.OfClip, 201),
    ("GET", "/api/v1/recordings/{recording}/clips"): Answer(Page[rp.Clip]),
    ("DELETE", "/api/v1/recordings/{recording}/clips/{clip}"): Answer(Nothing),
    ("POST", "/api/v1/recordings/{recording}/download"): Answer(rp.Download),
    ("GET", "/api/v1/rooms/{room}/followers"): Answer(pt.Followers),
    ("GET", "/api/v1/rooms/{room}/points"): Answer(pt.Points),
    ("GET", "/api/v1/points/offers"): Answer(pt.Offers),
    ("POST", "/api/v1/points/offers"): Answer(pt.Offer, 201),
    ("PATCH", "/api/v1/points/offers/{offer}"): Answer(pt.Offer),
    ("GET", "/api/v1/me"): Answer(r.Me),
    ("PUT", "/api/v1/me/avatar"): Answer(r.Avatar),
    ("DELETE", "/api/v1/me/avatar"): Answer(Nothing),
    ("POST", "/api/v1/demo/token"): Answer(r.DemoToken),
    ("GET", "/api/v1/lotteries/{lottery}/draw"): Answer(lo.DrawFile),
    ("GET", "/api/v1/orders/{order}"): Answer(s.WholeOrder),
    ("GET", "/api/v1/gifts"): Answer(g.Catalogue),
    ("PUT", "/api/v1/gifts/{gift}"): Answer(g.OfGift),
    ("GET", "/api/v1/rooms/{room}/gifts"): Answer(Page[g.GivenGift]),
    ("GET", "/api/v1/rooms/{room}/gifts/top"): Answer(g.Board),
    ("GET", "/api/v1/coupons"): Answer(Page[s.ClaimedCoupon]),
    ("GET", "/api/v1/payments/methods"): Answer(Page[s.PaymentMethod]),
    ("POST", "/api/v1/payments/{provider}/callback"): Answer(s.ReportTaken),
    ("GET", "/api/v1/payments/owed"): Answer(Page[s.Owed]),
    ("POST", "/api/v1/payments/{payment}/refund"): Answer(s.SeenTo),
    ("GET", "/api/v1/products"): Answer(Page[s.Product]),
    ("POST", "/api/v1/products"): Answer(s.Product, 201),
    ("GET", "/api/v1/products/audit"): Answer(Page[r.AuditLine]),
    ("GET", "/api/v1/products/{product}"): Answer(s.Product),
    ("PATCH", "/api/v1/products/{product}"): Answer(s.Product),
    ("DELETE", "/api/v1/products/{product}"): Answer(Nothing),
    ("DELETE", "/api/v1/products/{product}/skus/{sku}"): Answer(Nothing),
    ("POST", "/api/v1/products/import"): Answer(s.ImportReport),
    ("PUT", "/api/v1/stock"): Answer(s.StockReport),
    ("GET", "/api/v1/coins"): Answer(c.Packs),
    ("GET", "/api/v1/wallet"): Answer(c.Wallet),
    ("GET", "/api/v1/wallet/statement"): Answer(Page[c.StatementLine]),
    ("GET", "/api/v1/rooms/{room}/earnings"): Answer(c.Earnings),
    ("GET", "/api/v1/payouts"): Answer(Page[c.Payout]),
    ("POST", "/api/v1/payouts"): Answer(c.OfPayout, 201),
    ("POST", "/api/v1/payouts/{payout}/done"): Answer(c.OfPayout),
    ("POST", "/api/v1/payouts/{payout}/return"): Answer(c.OfPayout),
    ("GET", "/api/v1/wallets/{user}"): Answer(c.Wallet),
    ("GET", "/api/v1/wallets/{user}/statement"): Answer(Page[c.StatementLine]),
    ("POST", "/api/v1/wallets/{user}/corrections"): Answer(c.Corrected, 201),
    ("GET", "/api/v1/audit"): Answer(Page[r.AuditLine]),
    ("GET", "/api/v1/audit/watch"): Answer(tp.AuditWatch),
    ("GET", "/api/v1/moderation/transparency"): Answer(tp.PlatformTransparency),
    ("GET", "/api/v1/moderation/rules"): Answer(rb.Rulebook),
    ("PATCH", "/api/v1/moderation/rules"): Answer(rb.Rulebook),
    ("GET", "/api/v1/moderation/lists"): Answer(rb.WordLists),
    ("PUT", "/api/v1/moderation/lists/{name}"): Answer(rb.WordList),
    ("DELETE", "/api/v1/moderation/lists/{name}"): Answer(Nothing),
    ("POST", "/api/v1/moderation/try"): Answer(rb.TriedText),
    ("GET", "/api/v1/rooms/{room}/moderation/rules"): Answer(rb.Rulebook),
    ("PATCH", "/api/v1/rooms/{room}/moderation/rules"): Answer(rb.Rulebook),
    ("GET", "/api/v1/rooms/{room}/moderation/lists"): Answer(rb.WordLists),
    ("PUT", "/api/v1/rooms/{room}/moderation/lists/{name}"): Answer(rb.WordList),
    ("DELETE", "/api/v1/rooms/{room}/moderation/lists/{name}"): Answer(Nothing),
    ("POST", "/api/v1/rooms/{room}/moderation/try"): Answer(rb.TriedText),
    ("GET", "/api/v1/webhooks"): Answer(w.Endpoints),
    ("POST", "/api/v1/webhooks"): Answer(w.Endpoint, 201),
    ("GET", "/api/v1/webhooks/{webhook}"): Answer(w.Endpoint),
    ("PATCH", "/api/v1/webhooks/{webhook}"): Answer(w.Endpoint),
    ("DELETE", "/api/v1/webhooks/{webhook}"): Answer(Nothing),
    ("POST", "/api/v1/webhooks/{webhook}/rotate"): Answer(w.Rotated),
    ("POST", "/api/v1/webhooks/{webhook}/ping"): Answer(w.Pinged),
    ("GET", "/api/v1/webhooks/{webhook}/deliveries"): Answer(Page[w.Delivery]),
    ("POST", "/api/v1/webhooks/{webhook}/deliveries/{delivery}/replay"): Answer(w.Replayed),
    ("POST", "/api/v1/webhooks/{webhook}/replay"): Answer(w.Replayed),
    ("POST", "/api/v1/webhooks/{webhook}/replay/log"): Answer(w.ReplayedLog),
}


@cache
def adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)


def schema_of(shape: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """The shape's JSON schema; what it refers to is put into ``schemas``. Raises ``ValueError`` if two types
    of the same name differ, as one would then describe the other's answers."""
    schema = adapter(shape).json_schema(ref_template=REF)
    for name, found in schema.pop("$defs", {}).items():
        if schemas.setdefault(name, found) != found:
            raise ValueError(f"two types are called {name}")
    return schema


def attach(app: web.Application, routes: web.RouteTableDef) -> None:
    """Add routes whose responses are made by the table's types."""
    for route in routes:
        if isinstance(route, web.RouteDef):
            handler = _made(route.handler, route.method, route.path)
            if route.method == "GET":  # and HEAD with it
                app.router.add_get(route.path, handler, **route.kwargs)
            else:
                app.router.add_route(route.method, route.path, handler, **route.kwargs)


def _made(handler: Any, method: str, path: str) -> Handler:
    answer = ANSWERS.get((method, path))

    async def handle(request: web.Request) -> web.StreamResponse:
        response: web.StreamResponse = await handler(request)
        if isinstance(response, Made):
            shape = answer.shape if answer else None
            if path == COMMAND_PATH:
                shape = COMMANDS.get(request.match_info["command"])
            response.finish(adapter(shape) if shape else None)
        return response

    return handle
