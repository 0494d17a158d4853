"""The API's and the socket's descriptions for machines, made from the models and the route tables."""

from __future__ import annotations

import functools
import inspect
import re
from typing import Any, get_origin

import orjson
from aiohttp import web
from pydantic import BaseModel

from moderation.rulebook.effective import RulesChange
from moderation.rulebook.forms import MEDIA_TYPES
from rooms.commands import CreateRoom, EditProduct, NewProduct
from rooms.errors import CATALOGUE
from rooms.gifts.catalogue import GiftTerms
from rooms.points.offers import EditOffer, NewOffer
from rooms.recordings.commands import ChangeRecording
from rooms.shop.sheets import COLUMNS, ProductFile
from server.api import audit, clips, files, payments, rulebooks, wallets
from server.api.answering import ANSWERS, REF, Answer, schema_of
from server.api.parts import PARTS
from server.api.shapes.commands import COMMANDS
from server.api.shapes.rooms import AuditEntry, Event
from server.audit_files import FORMATS
from server.commands import SPECS
from server.credentials import NewStreamKey
from server.gateway import Leave, Refresh, Time
from server.latency import Stats
from server.live.entering import Enter
from server.webhooks.describe import described_webhooks
from server.webhooks.endpoints import EndpointChange, NewEndpoint, Replay, Rotation
from server.webhooks.replaying import LogSpan

routes = web.RouteTableDef()

VERSION = "1"

_BODIES: dict[tuple[str, str], type[BaseModel]] = {
    ("POST", "/api/v1/rooms"): CreateRoom,
    ("POST", "/api/v1/rooms/{room}/stream-keys"): NewStreamKey,
    ("POST", "/api/v1/webhooks"): NewEndpoint,
    ("PATCH", "/api/v1/webhooks/{webhook}"): EndpointChange,
    ("POST", "/api/v1/webhooks/{webhook}/rotate"): Rotation,
    ("POST", "/api/v1/webhooks/{webhook}/replay"): Replay,
    ("POST", "/api/v1/webhooks/{webhook}/replay/log"): LogSpan,
    ("POST", "/api/v1/payments/{payment}/refund"): payments.RefundStep,
    ("POST", "/api/v1/products"): NewProduct,
    ("PATCH", "/api/v1/products/{product}"): EditProduct,
    ("PUT", "/api/v1/gifts/{gift}"): GiftTerms,
    ("POST", "/api/v1/products/import"): ProductFile,
    ("POST", "/api/v1/points/offers"): NewOffer,
    ("PATCH", "/api/v1/points/offers/{offer}"): EditOffer,
    ("PATCH", "/api/v1/recordings/{recording}"): ChangeRecording,
    ("POST", "/api/v1/recordings/{recording}/clips"): clips.NewClip,
    ("PUT", "/api/v1/stock"): files.StockRows,
    ("POST", "/api/v1/audit/erase"): audit.EraseOfPerson,
    ("PATCH", "/api/v1/moderation/rules"): RulesChange,
    ("PATCH", "/api/v1/rooms/{room}/moderation/rules"): RulesChange,
    ("POST", "/api/v1/moderation/try"): rulebooks.TryText,
    ("POST", "/api/v1/rooms/{room}/moderation/try"): rulebooks.TryText,
    ("POST", "/api/v1/payouts"): wallets.NewPayout,
    ("POST", "/api/v1/payouts/{payout}/done"): wallets.SettledPayout,
    ("POST", "/api/v1/payouts/{payout}/return"): wallets.SettledPayout,
    ("POST", "/api/v1/wallets/{user}/corrections"): wallets.Correction,
}
_PICTURES = {
    kind: {"schema": {"type": "string", "format": "binary"}}
    for kind in ("image/jpeg", "image/png", "image/webp")
}
_CSV = {
    "text/csv": {
        "schema": {
            "type": "string",
            "description": f"A row for each SKU, of the columns {', '.join(COLUMNS)}.",
        }
    }
}
_OF_AUDIT = ("action", "actor", "target", "since_ms", "until_ms")
_QUERIES: dict[tuple[str, str], tuple[str, ...]] = {
    ("GET", "/api/v1/rooms/{room}/sanctions"): ("user", "in_force", "cursor", "limit"),
    ("GET", "/api/v1/rooms/{room}/stills/{still}.jpg"): ("clear",),
    ("GET", "/api/v1/rooms/{room}/pictures/{name}"): ("clear",),
    ("POST", "/api/v1/recordings/{recording}/download"): ("blurred",),
    ("GET", "/api/v1/sanctions"): ("user", "in_force", "cursor", "limit"),
    ("GET", "/api/v1/payments/owed"): ("cursor", "limit", "status"),
    ("GET", "/api/v1/products"): ("cursor", "limit", "category", "external_id"),
    ("GET", "/api/v1/rooms/{room}/review"): ("state", "kind", "cursor", "limit"),
    ("GET", "/api/v1/products/audit"): ("cursor", "limit"),
    ("GET", "/api/v1/products/export"): ("format",),
    ("GET", "/api/v1/rooms/{room}/audit"): ("cursor", "limit", *_OF_AUDIT),
    ("GET", "/api/v1/rooms/{room}/audit/export"): ("format", "bom", *_OF_AUDIT),
    ("GET", "/api/v1/rooms/{room}/transparency"): ("days", "offset_min"),
    ("GET", "/api/v1/moderation/transparency"): ("days", "to", "rooms"),
    ("GET", "/api/v1/moderation/transparency/export"): ("days", "to", "rooms", "format", "bom"),
    ("GET", "/api/v1/audit"): ("trail", "cursor", "limit", *_OF_AUDIT),
    ("GET", "/api/v1/audit/export"): ("trail", "format", "bom", *_OF_AUDIT),
    ("POST", "/api/v1/products/import"): ("dry_run",),
    ("GET", "/api/v1/wallet/statement"): ("account", "cursor", "limit"),
    ("GET", "/api/v1/wallets/{user}/statement"): ("account", "cursor", "limit"),
    ("GET", "/api/v1/moderation/lists/{name}"): ("format",),
    ("GET", "/api/v1/rooms/{room}/moderation/lists/{name}"): ("format",),
    ("GET", "/api/v1/payouts"): ("status", "host", "cursor", "limit"),
    ("GET", "/api/v1/recordings/{recording}/timeline"): ("from_ms", "to_ms", "snapshot", "cursor", "limit"),
}
_LIST = {kind: {"schema": {"type": "string"}} for kind in MEDIA_TYPES}
_FILE = {
    "200": {
        "description": "The file",
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            "application/json": {"schema": {"$ref": "#/components/schemas/ProductFile"}},
        },
    }
}
_TRAIL_FILE = {
    "200": {
        "description": "The file, oldest entries first; in JSON with all that is needed to verify it",
        "content": {
            **{kind.partition(";")[0]: {"schema": {"type": "string"}} for kind in FORMATS.values()},
            "application/json": {
                "schema": {"type": "array", "items": {"$ref": "#/components/schemas/AuditEntry"}}
            },
        },
    }
}
_NUMBERS_FILE = {
    "200": {
        "description": "The file",
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            "application/json": {"schema": {"$ref": "#/components/schemas/PlatformTransparency"}},
        },
    }
}
_FILES = {
    "/products/export": _FILE,
    "/audit/export": _TRAIL_FILE,
    "/transparency/export": _NUMBERS_FILE,
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{8,64}$"},
    "description": "Chosen by the client: the same key again gives the first answer again.",
}
_KEYED = {
    ("POST", "/api/v1/payouts"),
    ("POST", "/api/v1/wallets/{user}/corrections"),
    ("POST", "/api/v1/recordings/{recording}/clips"),
}
_PROBLEM = {
    "description": "Problem details (RFC 9457)",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def _schema(
    model: type[BaseModel], schemas: dict[str, Any], *, without: tuple[str, ...] = ()
) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(schema.pop("$defs", {}))
    for name in without:
        schema["properties"].pop(name, None)
        schema["required"] = [r for r in schema.get("required", []) if r != name]
    return schema


def _path_parameters(path: str) -> list[dict[str, Any]]:
    names = re.findall(r"\{(\w+)\}", path)
    return [{"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in names]


# The first part of a path that is named here says what an operation is about.
_TAGS = {
    "commands": "Commands",
    "moderation": "Moderation",
    "webhooks": "Webhooks",
    "products": "Products",
    "stock": "Products",
    "gifts": "Gifts",
    "points": "Points",
    "followers": "Points",
    "audit": "Audit",
    "transparency": "Audit",
    "recordings": "Recordings",
    "rooms": "Rooms",
    "pictures": "Rooms",
    "coins": "Wallets",
    "wallet": "Wallets",
    "wallets": "Wallets",
    "payouts": "Wallets",
}


def _tag(path: str) -> str:
    parts = path.split("/")
    return next((tag for part, tag in _TAGS.items() if part in parts), "You and this server")


def _query(name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": {"type": "string"}}


def _operation(summary: str, path: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "tags": [_tag(path)],
        "parameters": _path_parameters(path),
        "responses": {"200": {"description": "Done"}, "default": _PROBLEM},
    }


def _asked_with(method: str, path: str) -> list[dict[str, Any]]:
    """What an operation takes beside its path and its body."""
    found = [_query(name) for name in _QUERIES.get((method, path), ())]
    if (method, path) in _KEYED:
        found.append(_KEY)
    if path.startswith(("/api/v1/products", "/api/v1/stock")):
        found.append(_query("seller"))
    return found


def _json_body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _responses(answer: Answer, schemas: dict[str, Any]) -> dict[str, Any]:
    """The types that the table names, by which the responses are made."""
    schema = _named(answer.shape, schemas)
    made = {"description": "Done", "content": {"application/json": {"schema": schema}}}
    return {str(answer.status): made, "default": _PROBLEM}


def _named(shape: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """A reference to a shape that has a name; a page's own schema, of which there are as many as lists."""
    schema = schema_of(shape, schemas)
    if get_origin(shape) is not None:
        return schema
    schemas[shape.__name__] = schema
    return {"$ref": REF.format(model=shape.__name__)}


def _described(route: web.RouteDef, schemas: dict[str, Any]) -> dict[str, Any]:
    """One address and method, by the tables."""
    summary = (inspect.getdoc(route.handler) or "").splitlines()[0]
    operation = _operation(summary, route.path)
    if model := _BODIES.get((route.method, route.path)):
        operation["requestBody"] = _json_body(_schema(model, schemas))
    if answer := ANSWERS.get((route.method, route.path)):
        operation["responses"] = _responses(answer, schemas)
    for ending, file in _FILES.items():
        if route.path.endswith(ending):
            operation["responses"] = {**file, "default": _PROBLEM}
    if route.path == "/api/v1/products/import":
        operation["requestBody"]["content"] |= _CSV
    if route.path.endswith("/moderation/lists/{name}"):
        if route.method == "GET":
            operation["responses"] = {
                "200": {"description": "The list", "content": _LIST},
                "default": _PROBLEM,
            }
        if route.method == "PUT":
            operation["requestBody"] = {"required": True, "content": _LIST}
    operation["parameters"] += _asked_with(route.method, route.path)
    if route.path.endswith("/pictures") or (route.method, route.path) == ("PUT", "/api/v1/me/avatar"):
        operation["requestBody"] = {"required": True, "content": _PICTURES}
    return operation


@functools.cache
def openapi() -> bytes:
    """The OpenAPI 3.1 document."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {
        "Problem": {
            "type": "object",
            "required": ["type", "title", "status", "code", "temporary"],
            "properties": {
                "type": {"type": "string"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string"},
                "code": {"type": "string", "enum": sorted(CATALOGUE)},
                "temporary": {"type": "boolean"},
                "retry_after_ms": {"type": "integer"},
            },
        },
    }
    for route in (route for part in PARTS for route in part.routes):
        if not isinstance(route, web.RouteDef) or not route.path.startswith("/api/"):
            continue
        if "{command}" in route.path or ":" in route.path:
            continue
        paths.setdefault(route.path, {})[route.method.lower()] = _described(route, schemas)
    for spec in SPECS.values():
        path = f"/api/v1/rooms/{{room}}/commands/{spec.name}"
        operation = _operation(spec.summary, path)
        if "key" in spec.model.model_fields:
            operation["parameters"].append(_KEY)
        operation["requestBody"] = _json_body(_schema(spec.model, schemas, without=("room", "key")))
        if spec.name in COMMANDS:
            operation["responses"] = _responses(Answer(COMMANDS[spec.name]), schemas)
        paths[path] = {"post": operation}
    event = _named(Event, schemas)
    schemas["Events"]["properties"]["items"]["items"] = event  # which are passed on as they are stored
    _named(AuditEntry, schemas)
    schemas["ProductFile"] = _schema(ProductFile, schemas)
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Danmart", "version": VERSION, "description": "Live commerce, self-hosted."},
        "paths": paths,
        "webhooks": described_webhooks(),
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
        "security": [{"token": []}, {}],
    }
    return orjson.dumps(document)


@functools.cache
def asyncapi() -> bytes:
    """The AsyncAPI 3.0 document of the namespace /live: what clients send, and what the server sends."""
    schemas: dict[str, Any] = {}
    models: dict[str, tuple[str, type[BaseModel]]] = {
        "enter": ("Enter a room, or continue in it.", Enter),
        "leave": ("Leave the room.", Leave),
        "time": ("What time it is on the server.", Time),
        "refresh": ("Go on with a new token.", Refresh),
        "stats": ("How far behind the server's clock the picture is.", Stats),
        **{spec.name: (spec.summary, spec.model) for spec in SPECS.values()},
    }
    messages = {
        name: {"name": name, "summary": summary, "payload": _schema(model, schemas)}
        for name, (summary, model) in models.items()
    }
    sent = {
        "events": "A frame: the room's log from one offset to another.",
        "you": "A private event.",
        "staff": "An event for the room's staff.",
        "signals": "Counts; may be lost.",
        "publisher": "How a publisher fares, to those who may publish; may be lost.",
        "buy.waiting": "How many are before a purchase that waits; may be lost.",
        "bye": "The server is about to close the connection.",
    }
    messages |= {n: {"name": n, "summary": s, "payload": {"type": "object"}} for n, s in sent.items()}

    def operation(action: str, names: list[str]) -> dict[str, Any]:
        refs = [{"$ref": f"#/channels/live/messages/{name}"} for name in names]
        return {"action": action, "channel": {"$ref": "#/channels/live"}, "messages": refs}

    document = {
        "asyncapi": "3.0.0",
        "info": {"title": "Danmart, Socket.IO", "version": VERSION},
        "channels": {"live": {"address": "/live", "messages": messages}},
        "operations": {"command": operation("receive", list(models)), "news": operation("send", list(sent))},
        "components": {"schemas": schemas},
    }
    return orjson.dumps(document)


@routes.get("/api/openapi.json")
async def get_openapi(_: web.Request) -> web.Response:
    """This API, described."""
    return web.Response(body=openapi(), content_type="application/json")


@routes.get("/api/asyncapi.json")
async def get_asyncapi(_: web.Request) -> web.Response:
    """The socket, described."""
    return web.Response(body=asyncapi(), content_type="application/json")
