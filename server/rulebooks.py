"""The rulebooks in force at this node: a compiled copy of what SQL has, replaced as a whole when it changes.

Whoever judges a text takes one ``Book`` and goes by it to the end, so none is judged by half of a change.
What can't be read or compiled leaves the old book in force, and a room whose book has yet to be read has its
texts wait: nothing is let through because something failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge
from sqlalchemy import Connection

from moderation.filter import Entry, TextFilter, WordListError
from moderation.rulebook.book import Book, Key, Layer, Part, bound, compiled, grouped
from moderation.rulebook.effective import Chosen
from moderation.rulebook.forms import entries_of
from moderation.rulebook.rules import RoomRules
from moderation.rulebook.store import (
    PLATFORM,
    ListRow,
    read_changed,
    read_chosen,
    read_head,
    read_list_heads,
    read_lists,
    read_version,
)
from rooms.errors import Refused
from server.store.store import Store
from server.word_files import WordFiles

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 0.25
"""How soon a change at another node is noticed here, should its nudge get lost."""
LOOK_ALONE_EVERY_S = 2.0
"""Where there is no other node: files only."""
ROOMS_MAX = 500
ENTRIES_MAX = 200_000
"""Rooms with rules of their own whose books are kept, and the entries of all of them; the least recently used
go first and are read again when somebody writes there."""
CHANGED_AT_ONCE_MAX = 50
"""Of more rooms than these that change between two looks, only those that are in use are read at once."""


@dataclass(slots=True)
class _Kept:
    part: Part
    book: Book
    used: int


@dataclass(frozen=True, slots=True)
class _Found:
    """What SQL has of a scope: all its layers' keys, and the lists of those that aren't compiled yet."""

    scope: str
    chosen: Chosen
    keys: Sequence[Key]
    lists: Mapping[str, ListRow]
    version: int


class Rulebooks:
    """``of``, ``words`` and ``book`` may be asked in any thread; the rest belongs to the loop."""

    def __init__(
        self, store: Store, files: Sequence[Path] = (), registry: CollectorRegistry | None = None
    ) -> None:
        """Raises ``WordListError`` if a file of words can't be used."""
        self._store = store
        self._files = WordFiles(files)
        self._base = self._files.layer
        self._platform = Part()
        self._plain = bound(self._base, self._platform)
        self._known: dict[str, int] = {}
        self._rooms: dict[str, _Kept] = {}
        self._seen = 0
        self._started = False
        """Before that nobody writes yet, and rooms are read when somebody does."""
        self._uses = itertools.count()
        self._lock = asyncio.Lock()
        self._nudged = asyncio.Event()
        self._anyway = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        registry = registry or CollectorRegistry()
        self._reloads = Counter(
            "danmart_rulebook_reloads_total", "Rulebooks read again after a change", registry=registry
        )
        self._stale = Gauge(
            "danmart_word_lists_stale",
            "Places (files, platform, rooms) whose last change can't be used, so that the old one holds",
            registry=registry,
        )
        self._faulty: set[str] = set()
        self.call: Callable[[], None] = lambda: None
        """Nudges the other nodes; it may get lost."""

    # asking

    def book(self, room_id: str | None) -> Book:
        """What texts in the room are judged by; None: texts that are no room's. Quick, without I/O.

        Raises ``Refused("busy")`` for a room whose book isn't here yet; it is read then.
        """
        if room_id is None or room_id not in self._known:
            return self._plain
        kept = self._rooms.get(room_id)
        if kept is None:
            self._fetch(room_id)
            raise Refused("busy", "The rules of this room are being read.", retry_after_ms=500)
        kept.used = next(self._uses)
        return kept.book

    def of(self, room_id: str) -> RoomRules:
        """The same book's rules. Implements ``moderation.rulebook.rules.Rules``."""
        return self.book(room_id).rules

    def at_hand(self, room_id: str) -> RoomRules:
        """The same for who looks again in a moment and judges no texts, such as the picture check: while the
        room's book is being read, the platform's rules. Never refuses."""
        try:
            return self.book(room_id).rules
        except Refused:
            return self._plain.rules

    def words(self, room_id: str | None) -> tuple[TextFilter, ...]:
        """The same book's words, in layers."""
        return self.book(room_id).words

    def lacks(self, room_id: str) -> bool:
        """Whether ``ready`` has something to wait for."""
        return room_id in self._known and room_id not in self._rooms

    async def ready(self, room_id: str) -> None:
        """Returns when ``book`` has an answer for the room. Raises ``Refused("temporarily_unavailable")``
        if it can't be had: the database is away, or what is stored can't be used."""
        if self.lacks(room_id):
            async with self._lock:
                if self.lacks(room_id):
                    await self._take([room_id])
            if self.lacks(room_id):
                raise Refused("temporarily_unavailable", "The rules of this room can't be read.")

    def layers(self, room_id: str | None) -> tuple[Layer, Iterable[Layer], Iterable[Layer]]:
        """What the room's book is made of: the files', the platform's and its own layers."""
        kept = self._rooms.get(room_id or "")
        return self._base, self._platform.layers.values(), kept.part.layers.values() if kept else ()

    @property
    def platform(self) -> Chosen:
        """What the platform has chosen."""
        return self._platform.chosen

    # running

    async def start(self) -> None:
        """Read what is stored. Raises ``WordListError`` if the platform's can't be used, ``Refused``."""
        self._loop = asyncio.get_running_loop()
        async with self._lock:
            await self._look()
        self._started = True
        if PLATFORM in self._faulty:
            raise WordListError("a word list of the platform that is stored can't be used; see the log")

    def follow(self, *, alone: bool) -> None:
        """Look for changes from now on: other nodes' unless this one is ``alone``, and those of files."""
        every_s = LOOK_ALONE_EVERY_S if alone else LOOK_EVERY_S
        self._keep(self._run(every_s), "rulebooks")

    async def close(self) -> None:
        """Idempotent."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def nudge(self, *_: object) -> None:
        """Look now: another node says that something has changed."""
        self._nudged.set()

    def reread(self) -> None:
        """Look now, and read the files whether they have changed or not."""
        self._anyway = True
        self._nudged.set()

    async def changed(self) -> None:
        """Something was committed: have the other nodes look, and return as ``refresh`` does."""
        self.call()
        await self.refresh()

    async def refresh(self) -> None:
        """Returns when everything that was committed before is in force here, or couldn't be had. Finishes
        also if its caller is cancelled."""
        await asyncio.shield(self._keep(self._refresh(), "rulebooks refresh"))

    async def _refresh(self) -> None:
        with contextlib.suppress(Refused):  # the next look finds it
            async with self._lock:
                await self._look()

    async def _run(self, every_s: float) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(every_s):
                    await self._nudged.wait()
            self._nudged.clear()
            try:
                async with self._lock:
                    await self._look_at_files()
                    await self._look()
            except Refused:
                pass  # the database is away: what is in force stays
            except Exception:
                log.exception("rulebooks_failed")

    async def _look_at_files(self) -> None:
        anyway, self._anyway = self._anyway, False
        try:
            changed = await asyncio.to_thread(self._files.reload, anyway=anyway)
        except WordListError as problem:
            log.error("word_list_unusable", problem=str(problem), kept="the lists read before")
            self._fault("files", True)
            return
        if changed:
            self._fault("files", False)
            self._base = self._files.layer
            self._bind_all()
            self._reloads.inc()

    async def _look(self) -> None:
        """Read what has changed since the last look. Holds the lock."""
        seen = self._seen
        head, changed = await self._store.read(lambda conn: (read_head(conn), read_changed(conn, seen)))
        if head < seen:  # another database than before: a backup was restored
            self._seen, self._known, self._platform = 0, {}, Part()
            self._rooms.clear()
            self._bind_all()
            await self._look()
            return
        if not changed:
            return
        rooms = changed.keys() - {PLATFORM}
        if not self._started or len(rooms) > CHANGED_AT_ONCE_MAX:
            rooms &= self._rooms.keys()
        await self._take([*(changed.keys() & {PLATFORM}), *rooms])
        self._known |= {room: version for room, version in changed.items() if room != PLATFORM}
        self._seen = max(changed.values())

    async def _take(self, scopes: Sequence[str]) -> None:
        """Read these scopes, compile what of them is new, and put it in force. Holds the lock."""
        if not scopes:
            return
        have = {scope: set(self._part(scope).layers) for scope in scopes}
        found = await self._store.read(lambda conn: [_find(conn, scope, have[scope]) for scope in scopes])
        spent: list[Part] = []
        for each in found:
            spent.append(self._part(each.scope))
            try:
                part = await asyncio.to_thread(_part_of, each, spent[-1].layers)
            except WordListError as problem:
                log.error("word_list_unusable", scope=each.scope, problem=str(problem), kept="the one before")
                self._fault(each.scope, True)
                continue
            self._fault(each.scope, False)
            self._put(each.scope, part)
            self._reloads.inc()
        await asyncio.to_thread(spent.clear)  # large lists take the loop's time also when they go

    # what is in force

    def _part(self, scope: str) -> Part:
        if scope == PLATFORM:
            return self._platform
        kept = self._rooms.get(scope)
        return kept.part if kept else Part()

    def _put(self, scope: str, part: Part) -> None:
        if scope == PLATFORM:
            self._platform = part
            self._bind_all()
            return
        book = bound(self._base, self._platform, part)
        self._rooms[scope] = _Kept(part, book, next(self._uses))
        self._make_room()

    def _bind_all(self) -> None:
        self._plain = bound(self._base, self._platform)
        for kept in self._rooms.values():
            kept.book = bound(self._base, self._platform, kept.part)

    def _make_room(self) -> None:
        entries = sum(kept.part.entries for kept in self._rooms.values())
        by_use = sorted(self._rooms, key=lambda room_id: self._rooms[room_id].used)
        for room_id in by_use[:-1]:
            if len(self._rooms) <= ROOMS_MAX and entries <= ENTRIES_MAX:
                return
            entries -= self._rooms.pop(room_id).part.entries

    def _fault(self, place: str, is_faulty: bool) -> None:
        (self._faulty.add if is_faulty else self._faulty.discard)(place)
        self._stale.set(len(self._faulty))

    # tasks

    def _fetch(self, room_id: str) -> None:
        """From any thread: have the room's book read, soon."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(lambda: self._keep(self._fetched(room_id), "rulebook"))

    async def _fetched(self, room_id: str) -> None:
        with contextlib.suppress(Refused):
            await self.ready(room_id)

    def _keep(self, coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _find(conn: Connection, scope: str, have: set[Key]) -> _Found:
    chosen, _ = read_chosen(conn, scope)
    heads = read_list_heads(conn, scope)
    keys = list(grouped([(head.name, head.version, head.entries) for head in heads]))
    wanted = {name for key in keys if key not in have for name, _ in key}
    lists = {row.name: row for row in read_lists(conn, scope, wanted)} if wanted else {}
    return _Found(scope, chosen, keys, lists, read_version(conn, scope))


def _part_of(found: _Found, old: Mapping[Key, Layer]) -> Part:
    """Raises ``WordListError``. Takes its time."""
    layers: dict[Key, Layer] = {}
    for key in found.keys:
        layers[key] = old.get(key) or compiled(_entries(found.lists[name] for name, _ in key))
    return Part(found.chosen, layers, found.version)


def _entries(rows: Iterable[ListRow]) -> Iterator[Entry]:
    for row in rows:
        yield from entries_of(row.form, row.body, row.name)
