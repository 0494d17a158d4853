"""The external check: a shop's own service is asked about comments, within a fifth of a second or not at all.

It can only make the filter stricter: its verdict is one reason more. Whatever becomes of it (it hangs, it
answers nonsense, it is gone), the comment goes on by the setting, and what a list denies is denied.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import orjson
import structlog
from prometheus_client import CollectorRegistry, Counter, Enum, Histogram

from moderation.filter.hook import (
    ANSWER_MAX_BYTES,
    CLOSED,
    BadAnswerError,
    Circuit,
    question,
    reasons_of,
    without_answer,
)
from rooms.commands import PostComment
from rooms.errors import Refused
from rooms.ports import About, Caller, TextReason
from rooms.rows import new_id
from server.config.sections import Hook
from server.outbound import OutboundError, OutboundResponse
from server.signing import shared_key, sign
from server.texts import Texts

log = structlog.get_logger(__name__)

KEPT_MAX = 4096
"""Answers remembered for the same command sent again."""
SAID_EVERY_MS = 10_000

Reasons = tuple[TextReason, ...]


class Post(Protocol):
    """``Outbound.request``: bounded in time and size, and closed to private addresses."""

    async def request(
        self, method: str, url: str, *, headers: dict[str, str], body: bytes, max_bytes: int
    ) -> OutboundResponse: ...


@dataclass(frozen=True, slots=True)
class HookPorts:
    """``is_staff`` says who isn't asked about, and that a room isn't there: then nobody is asked either."""

    post: Post
    texts: Texts
    is_staff: Callable[[str, Caller], Awaitable[bool]]
    clock_ms: Callable[[], int]


class HookMeters:
    """What becomes of external checks. There where none is set, too: with nothing to tell."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.asked = Counter(
            "danmart_filter_hook_total", "What became of external checks", ["outcome"], registry=registry
        )
        self.took = Histogram(
            "danmart_filter_hook_seconds",
            "What an external check takes",
            registry=registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3),
        )
        self.state = Enum(
            "danmart_filter_hook_circuit",
            "Whether the external check is asked",
            states=["closed", "open", "half_open"],
            registry=registry,
        )


class FilterHook:
    """Asks about comments before they go to the writer. At most ``concurrent`` at once; who finds as many
    under way isn't asked about and goes by the fallback."""

    def __init__(self, settings: Hook, ports: HookPorts, meters: HookMeters, *, max_chars: int) -> None:
        assert settings.url is not None and settings.secret is not None  # noqa: S101, PT018  the node sees to it
        self._settings = settings
        self._url = str(settings.url)
        self._key = shared_key(settings.secret.get_secret_value())
        self._ports = ports
        self._max_chars = max_chars
        self._circuit = CLOSED
        self._under_way = 0
        self._said_ms = 0
        self._kept: OrderedDict[tuple[str, str, str, str], Reasons] = OrderedDict()
        self._meters = meters

    async def ask(self, cmd: PostComment, caller: Caller) -> Reasons:
        """What the external check adds to what the filter finds in a comment. Raises nothing but
        ``CancelledError``, and ``Refused`` (temporary) if the room's rules or the database aren't at hand."""
        try:
            text = self._ports.texts.clean(cmd.text, self._max_chars)
        except Refused:
            return ()  # the writer says why
        command = (caller.id or "", cmd.room, cmd.key, text)
        if command in self._kept:
            return self._kept[command]
        if not self._ports.texts.rules(cmd.room).ask_hook or await self._ports.is_staff(cmd.room, caller):
            return ()
        about = About("comment", cmd.room, caller.id, self._ports.clock_ms())
        checked = self._ports.texts.judge(text, about)
        if checked.verdict == "deny":
            return ()
        body = orjson.dumps(question(text, room=cmd.room, user=caller.card, kind=about.kind, checked=checked))
        answer = await self._answer(body)
        if answer is None:
            return without_answer(self._settings.fallback)
        self._kept[command] = answer
        if len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        return answer

    async def _answer(self, body: bytes) -> Reasons | None:
        """The answer, or None if there is none, for whatever reason."""
        if self._under_way >= self._settings.concurrent:
            self._meters.asked.labels("full").inc()
            return None
        circuit = self._circuit.let_through(self._ports.clock_ms())
        if circuit is None:
            self._meters.asked.labels("open").inc()
            return None
        self._turn(circuit)
        self._under_way += 1
        begun = asyncio.get_running_loop().time()
        try:
            return await self._post(body)
        finally:
            self._under_way -= 1
            self._meters.took.observe(asyncio.get_running_loop().time() - begun)

    async def _post(self, body: bytes) -> Reasons | None:
        now_ms = self._ports.clock_ms()
        headers = {
            "Content-Type": "application/json",
            **sign([self._key], f"msg_{new_id()}", now_ms // 1000, body),
        }
        try:
            async with asyncio.timeout(self._settings.timeout_ms / 1000):
                response = await self._ports.post.request(
                    "POST", self._url, headers=headers, body=body, max_bytes=ANSWER_MAX_BYTES
                )
            if response.status != 200:
                raise BadAnswerError(f"answers with status {response.status}")
            reasons = reasons_of(response.body)
        except TimeoutError:
            self._failed(f"takes longer than {self._settings.timeout_ms} ms")
            return None
        except (OutboundError, BadAnswerError) as error:
            self._failed(str(error))
            return None
        self._turn(self._circuit.succeeded())
        self._meters.asked.labels(reasons[0].verdict if reasons else "allow").inc()
        return reasons

    def _failed(self, why: str) -> None:
        self._meters.asked.labels("failed").inc()
        now_ms = self._ports.clock_ms()
        was = self._circuit.state
        self._turn(self._circuit.failed(now_ms))
        if self._circuit.state != was or now_ms - self._said_ms >= SAID_EVERY_MS:
            self._said_ms = now_ms
            log.warning("filter_hook_failed", why=why[:200], circuit=self._circuit.state)

    def _turn(self, circuit: Circuit) -> None:
        if circuit.state != self._circuit.state:
            self._meters.state.state(circuit.state)
        self._circuit = circuit
