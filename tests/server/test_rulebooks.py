"""Rulebooks over HTTP, and lists in files that change while a node runs."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from moderation.filter import WordListError
from server.rulebooks import Rulebooks
from server.store.store import Store
from tests.server.world import World, fresh, running_world, shared_node
from tests.support import node as nodes
from tests.support.node import Node

OPERATOR = {"operator": True, "may_host": True}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with shared_node(tmp_path_factory.mktemp("node")) as node:
        yield node


@pytest.fixture
async def world(node: Node) -> AsyncIterator[World]:
    nodes.logs_of_this_test.append(node.log)
    world = World(node)
    yield world
    await world.close()


class Desk:
    """A host (or an operator) at the rulebook of a room (or of the platform)."""

    def __init__(self, world: World, base: str, user: str, claims: Any = None) -> None:
        self.world = world
        self.base = f"/api/v1{base}/moderation"
        self.user = user
        self.claims = claims

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, Any, Any]:
        return await self.world.request(method, f"{self.base}{path}", self.user, claims=self.claims, **more)

    async def ok(self, method: str, path: str, **more: Any) -> Any:
        status, _, body = await self.ask(method, path, **more)
        assert status < 300, body
        return body

    async def verdict(self, text: str) -> str:
        """What the filter makes of a text."""
        verdict: str = (await self.ok("POST", "/try", json={"text": text}))["verdict"]
        return verdict

    async def put(self, name: str, text: str, kind: str = "text/plain", **headers: str) -> tuple[int, Any]:
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Content-Type": kind, **headers}
        status, _, body = await self.ask("PUT", f"/lists/{name}", data=text.encode(), headers=sent)
        return status, body


async def at_room(world: World) -> tuple[Desk, Any, Any]:
    """The host's desk of a new room, and a viewer's and the host's sockets in it."""
    room, host = await world.room()
    return Desk(world, f"/rooms/{room}", host.user or ""), await world.viewer(room), host


async def test_a_list_goes_in_and_comes_out_in_every_form(world: World) -> None:
    desk, viewer, _ = await at_room(world)
    status, made = await desk.put("mine", "# ours\nzorblax\n!fine zorblax\n")
    assert (status, made["entries"], made["form"], made["by"]) == (200, 2, "txt", made["by"])
    assert await viewer.code("comment", text="zorblax") == "text_refused"
    await viewer.ok("comment", text="a fine zorblax")
    _, headers, text = await desk.ask("GET", "/lists/mine")
    assert text.decode() == "# ours\nzorblax\n!fine zorblax\n"
    assert headers["ETag"] == f'"{made["version"]}"'
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    for form, kind in (("toml", "application/toml"), ("csv", "text/csv"), ("txt", "text/plain")):
        status, headers, text = await desk.ask("GET", f"/lists/mine?format={form}")
        assert (status, headers["Content-Type"].partition(";")[0]) == (200, kind)
        status, again = await desk.put(f"as_{form}", text.decode(), kind)
        assert (status, again["entries"]) == (200, 2), again
        accepted = await desk.ask("GET", "/lists/mine", headers={"Accept": f"{kind}, */*;q=0.1"})
        assert accepted[2] == text
    listed = await desk.ok("GET", "/lists")
    assert [each["name"] for each in listed["items"]] == ["as_csv", "as_toml", "as_txt", "mine"]
    assert (listed["entries"], listed["entries_max"], listed["lists_max"]) == (8, 5000, 64)
    assert (await desk.ask("GET", "/lists/mine?format=xml"))[0] == 400


async def test_two_who_edit_dont_overwrite_each_other(world: World) -> None:
    desk, _, _ = await at_room(world)
    _, made = await desk.put("mine", "one", If_None_Match="*")
    assert (await desk.put("mine", "two", If_None_Match="*"))[0] == 412
    status, second = await desk.put("mine", "two", If_Match=f'"{made["version"]}"')
    assert status == 200
    status, refused = await desk.put("mine", "three", If_Match=f'"{made["version"]}"')
    assert (status, refused["code"]) == (412, "precondition_failed")
    assert (await desk.put("mine", "three", If_Match='W/"x"'))[0] == 412
    tag = {"If-Match": f'"{made["version"]}"'}
    assert (await desk.ask("DELETE", "/lists/mine", headers=tag))[0] == 412
    tag = {"If-Match": f'"{second["version"]}"'}
    assert (await desk.ask("DELETE", "/lists/mine", headers=tag))[0] == 200
    assert (await desk.ask("DELETE", "/lists/mine"))[0] == 404
    assert (await desk.ask("GET", "/lists/mine"))[0] == 404
    rules = await desk.ok("GET", "/rules")
    status, headers, _ = await desk.ask(
        "PATCH", "/rules", json={"links": "deny"}, headers={"If-Match": f'"{rules["version"]}"'}
    )
    assert status == 200
    assert headers["ETag"] != f'"{rules["version"]}"'
    stale = {"If-Match": f'"{rules["version"]}"'}
    assert (await desk.ask("PATCH", "/rules", json={"links": "mask"}, headers=stale))[0] == 412


@pytest.mark.parametrize(
    ("kind", "text", "line"),
    [
        ("text/csv", "text,action\nfine,deny\nbad,burn\n", 3),
        ("application/toml", "[[list]]\nwords = [=]\n", 2),
        ("text/plain", "fine\n" + "x" * 101, 2),
        ("text/plain", "nul\0", None),
    ],
)
async def test_a_fault_is_told_with_its_line(world: World, kind: str, text: str, line: int | None) -> None:
    desk, viewer, _ = await at_room(world)
    await desk.put("mine", "zorblax")
    status, refused = await desk.put("mine", text, kind)
    assert (status, refused["code"]) == (422, "list_invalid")
    (fault,) = refused["errors"]
    assert fault["message"]
    if line is not None:
        assert fault["line"] == line
    assert await viewer.code("comment", text="zorblax") == "text_refused"


async def test_what_isnt_a_list_is_refused(world: World) -> None:
    desk, _, _ = await at_room(world)
    assert (await desk.put("No-Name", "x"))[0] == 400
    assert (await desk.put("mine", "{}", "application/json"))[0] == 415
    status, refused = await desk.put("mine", "x" * 500_001)
    assert (status, refused["code"]) == (413, "too_large")
    status, refused = await desk.put("mine", "\n".join(f"word{n}" for n in range(5001)))
    assert (status, refused["code"]) == (409, "too_many")
    assert (await desk.ask("PATCH", "/rules", json={"links": "perhaps"}))[0] == 400
    assert (await desk.ask("PATCH", "/rules", json={"link": "deny"}))[0] == 400
    assert (await desk.ask("PATCH", "/rules", json={"firm": ["links"]}))[0] == 403
    room, _ = await world.room()
    status, _, refused = await Desk(world, f"/rooms/{room}", "somebody").ask("GET", "/rules")
    assert (status, refused["code"]) == (403, "forbidden")


async def test_rules_of_a_room_over_those_of_the_platform(world: World) -> None:
    desk, _, _ = await at_room(world)
    above = Desk(world, "", "root", OPERATOR)
    try:
        found = await above.ok("PATCH", "/rules", json={"walls": "deny", "firm": ["walls", "levels.slur"]})
        assert found["rules"]["walls"] == "deny"
        found = await desk.ok("PATCH", "/rules", json={"walls": "allow", "levels": {"slur": 0, "insult": 4}})
        assert (found["inherited"]["walls"], found["rules"]["walls"]) == ("deny", "deny")
        assert found["own"] == {"walls": "allow", "levels": {"slur": 0, "insult": 4}}
        assert found["rules"]["levels"] == {"slur": 2, "insult": 4}
        assert {each["category"]: each["entries"] for each in found["categories"]}["slur"] > 10
        found = await desk.ok("PATCH", "/rules", json={"walls": None, "levels": {"slur": None}})
        assert found["own"] == {"levels": {"insult": 4}}
    finally:
        await above.ok("PATCH", "/rules", json={"walls": None, "firm": None})
    assert (await desk.ok("GET", "/rules"))["rules"]["walls"] == "hold"


async def test_trying_a_text_says_what_hit_and_where(world: World) -> None:
    desk, viewer, _ = await at_room(world)
    await desk.put(
        "mine", '[[list]]\ncategory = "mine"\naction = "mask"\nwords = ["zorblax"]', "application/toml"
    )
    tried = await desk.ok("POST", "/try", json={"text": "  a  z-o-r-b-l-a-x \u202e!"})
    assert (tried["text"], tried["verdict"]) == ("a z-o-r-b-l-a-x !", "mask")
    (reason,) = tried["reasons"]
    assert (reason["check"], reason["code"], reason["rule"]) == ("words", "mine", "zorblax")
    assert tried["text"][reason["start"] : reason["end"]] == "z-o-r-b-l-a-x"
    said = (await viewer.ok("comment", text="a z-o-r-b-l-a-x !"))["event"]["data"]["text"]
    assert said == tried["shown"]
    assert (await desk.ok("POST", "/try", json={"text": "fine"}))["reasons"] == []
    assert (await desk.ask("POST", "/try", json={"text": "\u200b"}))[2]["code"] == "text_empty"


async def test_the_platforms_lists_are_the_operators(world: World) -> None:
    _, viewer, _ = await at_room(world)
    above = Desk(world, "", "root", OPERATOR)
    word = fresh("zorblax").replace("-", "")
    status, made = await above.put("everywhere", word)
    assert status == 200
    assert await viewer.code("comment", text=word) == "text_refused"
    assert (await above.ok("GET", "/lists"))["entries_max"] == 200_000
    status, trail = await world.get("/api/v1/audit", "root", claims=OPERATOR)
    assert (status, trail["items"][0]["action"]) == (200, "filter.list.put")
    assert trail["items"][0]["detail"]["added_words"] == [word]
    tag = {"If-Match": f'"{made["version"]}"'}
    assert (await above.ask("DELETE", "/lists/everywhere", headers=tag))[0] == 200
    await viewer.ok("comment", text=word)


# files


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    url = f"sqlite:///{tmp_path / 'danmart.db'}"
    store = await asyncio.to_thread(Store, url, published=lambda news: None, registry=CollectorRegistry())
    await store.start()
    yield store
    await store.close()


def stale(registry: CollectorRegistry) -> float | None:
    return registry.get_sample_value("danmart_word_lists_stale")


async def in_force(books: Rulebooks, text: str, wanted: bool) -> None:
    async with asyncio.timeout(20):
        while any(words.check(text).reasons for words in books.words(None)) is not wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_a_file_that_changes_is_read_again_and_a_broken_one_changes_nothing(
    tmp_path: Path, store: Store
) -> None:
    file, registry = tmp_path / "words.toml", CollectorRegistry()
    file.write_text('[[list]]\nwords = ["zorblax"]')
    books = await asyncio.to_thread(Rulebooks, store, [file], registry)
    await books.start()
    books.follow(alone=False)
    try:
        await in_force(books, "zorblax", True)
        file.write_text("[[list]]\nwords = [")
        async with asyncio.timeout(20):
            while stale(registry) != 1:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        await in_force(books, "zorblax", True)
        file.unlink()
        books.reread()
        await in_force(books, "zorblax", True)
        file.write_text('[[list]]\nwords = ["quux"]')
        await in_force(books, "quux", True)
        await in_force(books, "zorblax", False)
        assert stale(registry) == 0
    finally:
        await books.close()


async def test_a_node_with_a_broken_file_doesnt_start(tmp_path: Path, store: Store) -> None:
    file = tmp_path / "words.toml"
    file.write_text("=")
    with pytest.raises(WordListError, match="is not TOML"):
        await asyncio.to_thread(Rulebooks, store, [file])


@pytest.mark.soak
async def test_sighup_has_a_running_node_read_its_files(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("zorblax\n")
    lists = {"DANMART_MODERATION__WORD_LISTS": f'["{file}"]'}
    async with running_world(tmp_path / "node", **lists) as world:
        # As a copy that keeps its times does it: nothing about the file tells that it has changed.
        before = file.stat()
        file.write_text("quuxxxx\n")
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        os.kill(world.node.process.pid, signal.SIGHUP)
        desk = Desk(world, "", "root", OPERATOR)
        async with asyncio.timeout(30):
            while await desk.verdict("quuxxxx") != "deny":  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert await desk.verdict("zorblax") == "allow"
