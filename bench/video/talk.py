"""What forwarding does to the people who talk: comments acknowledged and delivered beside WHEP viewers.

Three times the same load: on a node that nobody watches, on the same node with viewers of its picture, and
with the roles apart, gateway and media being two processes on the one core. PostgreSQL and Valkey are behind
all of them, since two nodes can't do without.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import aiohttp

from bench.peers.process import Server, on_cores, two_cores
from bench.video.crowd import Crowd, whep
from bench.video.node import ROOM, node, open_room
from bench.video.picture import Clip, LoopSource
from bench.video.publishing import published
from clients.load.tokens import signed
from tests.support.postgres import PostgresServer
from tests.support.valkey import ValkeyServer

WATCHING = 100
_TALK = ("--viewers", "100", "--comments", "40", "--talkers", "20", "--quiet", "--json")
_FIGURES = ("ack_p50_ms", "ack_p99_ms", "delivered_p50_ms", "delivered_p99_ms", "lost")


class Talk:
    """The nodes and what is behind them, for as long as the ``with`` lasts."""

    def __init__(self, folder: Path, core: int) -> None:
        self._folder, self._core = folder, core
        self._stack = ExitStack()
        self._secret = secrets.token_hex(32)
        self.secret_file = folder / "load.secret"
        self.nodes: dict[str, Server] = {}

    def __enter__(self) -> Self:
        self.secret_file.write_text(self._secret)
        try:
            with on_cores({two_cores()[1]}):
                postgres = PostgresServer()
                self._stack.callback(postgres.stop)
                valkey = ValkeyServer()
                self._stack.callback(valkey.stop)
            environment = self._environment(postgres.url(postgres.create_database()), valkey.url)
            for name, roles in (("both", "gateway,media"), ("gateway", "gateway"), ("media", "media")):
                server = node(name, self._folder, self._core, "--roles", roles, env=environment)
                self.nodes[name] = self._stack.enter_context(server)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _environment(self, postgres_url: str, redis_url: str) -> dict[str, str]:
        key = {"alg": "HS256", "issuer": "load", "audience": "danmart", "secret": self._secret}
        return {
            "DANMART_STORE__URL": postgres_url,
            "DANMART_BUS__REDIS_URL": redis_url,
            "DANMART_AUTH__KEYS": json.dumps([key]),
            "DANMART_ROOMS__SHOWN_COMMENTS_PER_S": "1000",
            "DANMART_NODE__SECRET": self._secret,
        }

    def host_token(self) -> str:
        """Somebody who may open a room."""
        return str(signed(self._secret, "load", "danmart", 1, may_host=True)[0].token)

    async def load(self, name: str, seconds: float) -> dict[str, float]:
        """What talking on a node is like now."""
        url = self.nodes[name].url
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "clients.load", "--url", url, "--room", ROOM, "--seconds", str(seconds)),
            *("--secret-file", str(self.secret_file), *_TALK),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        out, _ = await process.communicate()
        said = json.loads(out)
        answered = said["comments"]
        waits = answered.get("waits", answered)
        figures = (waits["p50_ms"], waits["p99_ms"], said["p50_ms"], said["p99_ms"], said["lost"])
        return dict(zip(_FIGURES, figures, strict=True))


async def gateway(
    http: aiohttp.ClientSession, folder: Path, clip: Clip, seconds: float, core: int
) -> dict[str, Any]:
    """The figures of each of the three, prefixed ``gateway_alone_``, ``…_beside_`` and ``…_apart_``."""
    with Talk(folder, core) as talk:
        key = await open_room(http, talk.nodes["both"].url, talk.host_token())
        found = {"alone": await talk.load("both", seconds)}
        for case, picture, people in (("beside", "both", "both"), ("apart", "media", "gateway")):
            url = talk.nodes[picture].url
            async with published(f"{url}/whip/{ROOM}", key, LoopSource(clip)):
                crowd = Crowd(whep(http, f"{url}/whep/{ROOM}"))
                try:
                    await crowd.enter(WATCHING)
                    found[case] = await talk.load(people, seconds)
                finally:
                    await crowd.close()
    said: dict[str, Any] = {"gateway_viewers": WATCHING}
    for case, figures in found.items():
        said |= {f"gateway_{case}_{name}": value for name, value in figures.items()}
    return said


def rows(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """For the table."""
    cases = {
        "talking, nobody looks": "alone",
        f"with {found['gateway_viewers']} by WHEP": "beside",
        "with the roles apart": "apart",
    }
    for title, case in cases.items():
        acked, delivered = (found[f"gateway_{case}_{what}_p99_ms"] for what in ("ack", "delivered"))
        yield title, f"p99 acknowledged {acked} ms, delivered {delivered} ms"
