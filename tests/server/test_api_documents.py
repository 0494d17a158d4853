"""The descriptions of the interfaces say what is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

from rooms.errors import CATALOGUE
from server.api.openapi import asyncapi, openapi
from server.commands import SPECS
from tests.server.world import World

PROTOCOL = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()


def documented_paths() -> list[tuple[str, str]]:
    """Method and path of each address in the protocol's table of the HTTP API."""
    table = PROTOCOL[PROTOCOL.index("## HTTP API") : PROTOCOL.index("## Pages")]
    found: list[tuple[str, str]] = []
    for cell in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE):
        methods = re.findall(r"\b(GET|POST|DELETE|PUT)\b", cell)
        paths = [path.partition("?")[0] for path in re.findall(r"/[a-z][\w/{}.\[\]-]*", cell)]
        found += [(method, path) for path in paths for method in methods]
    return found


def test_every_documented_address_is_in_the_description() -> None:
    described = json.loads(openapi())
    assert described["openapi"].startswith("3.1")
    known = {
        (method.upper(), re.sub(r"\{\w+\}", "{}", path))
        for path, operations in described["paths"].items()
        for method in operations
    }
    documented = documented_paths()
    assert len(documented) > 15
    for method, path in documented:
        if not path.startswith("/api/v1") or path.endswith("{command}"):
            continue
        whole = path.replace("[/{id}]", "/{id}" if method == "DELETE" else "")
        assert (method, re.sub(r"\{\w+\}", "{}", whole)) in known, path
    for name in SPECS:
        assert ("POST", f"/api/v1/rooms/{{}}/commands/{name}") in known


async def test_the_description_is_whole(world: World) -> None:
    status, described = await world.get("/api/openapi.json")
    assert status == 200
    names = set(described["components"]["schemas"])
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(described)))
    assert references <= names
    for path, operations in described["paths"].items():
        placeholders = set(re.findall(r"\{(\w+)\}", path))
        for operation in operations.values():
            assert operation["summary"]
            given = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert given == placeholders, path
            assert operation["responses"]
    problem = described["components"]["schemas"]["Problem"]
    assert set(problem["properties"]["code"]["enum"]) == set(CATALOGUE)


async def test_the_socket_is_described_too(world: World) -> None:
    status, described = await world.get("/api/asyncapi.json")
    assert (status, described["asyncapi"]) == (200, "3.0.0")
    messages = set(described["channels"]["live"]["messages"])
    assert messages >= {
        *SPECS,
        "enter",
        "leave",
        "time",
        "refresh",
        "events",
        "you",
        "staff",
        "signals",
        "bye",
    }
    text = asyncapi().decode()
    assert set(re.findall(r'"#/components/schemas/(\w+)"', text)) <= set(described["components"]["schemas"])
    for name in re.findall(r"#/channels/live/messages/([\w.]+)", text):
        assert name in messages


def test_the_catalogue_is_the_documented_one() -> None:
    table = PROTOCOL[PROTOCOL.index("## Error codes") :]
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (yes|no) \|", table, re.MULTILINE)
    assert {code: (int(http), temporary == "yes") for code, http, temporary in rows} == {
        kind.code: (kind.http, kind.temporary) for kind in CATALOGUE.values()
    }


async def test_a_room_is_as_described(world: World) -> None:
    """One user's connections are one viewer, each guest's is one; without Redis nobody tells them apart."""
    room, host = await world.room()
    for user in ("twice", "twice", None, None):
        person = await world.join(user)
        await person.enter(room)
    _, card = await world.get(f"/api/v1/rooms/{room}", host.user)
    assert card["viewers"] == 4
    assert "viewers_unique" not in card
    described = json.loads(openapi())
    schema = described["components"]["schemas"]["Room"]
    assert set(schema["required"]) <= set(card) <= set(schema["properties"])
    assert all(schema["properties"][name]["description"] for name in ("viewers", "viewers_unique"))
    _, rooms = await world.get("/api/v1/rooms")
    answer = described["paths"]["/api/v1/rooms"]["get"]["responses"]["200"]
    listed = answer["content"]["application/json"]["schema"]["properties"]
    assert set(rooms) == set(listed)
    assert all(set(schema["required"]) <= set(item) for item in rooms["items"])
