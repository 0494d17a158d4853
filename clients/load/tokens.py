"""Tokens for many users: signed with the shop's key, printed by a command, or the demo's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp
import jwt

AT_ONCE = 16


class NoTokensError(Exception):
    """There are no tokens to be had, and why."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody to connect as; without a token, a guest."""

    id: str | None = None
    token: str | None = None


def signed(
    secret: str, issuer: str, audience: str, count: int, *, life_s: int = 86_400, may_host: bool = False
) -> list[User]:
    """Tokens by HS256, as the shop would sign them."""
    until = int(time.time()) + life_s
    users = []
    for n in range(count):
        claims = {"iss": issuer, "aud": audience, "sub": f"load-{n}", "name": f"Load {n}", "exp": until}
        if may_host:
            claims["may_host"] = True
        users.append(User(f"load-{n}", jwt.encode(claims, secret, "HS256")))
    return users


async def printed(command: str, count: int) -> list[User]:
    """What a shell command prints, a token a line; ``{users}`` in it stands for how many are wanted.

    Raises ``NoTokensError``. When cancelled, the command is killed.
    """
    process = await asyncio.create_subprocess_shell(
        command.replace("{users}", str(count)), stdout=asyncio.subprocess.PIPE
    )
    try:
        out, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        raise
    tokens = out.decode(errors="replace").split()
    if process.returncode or not tokens:
        raise NoTokensError(f"--token-command ended with {process.returncode} and {len(tokens)} tokens")
    return [User(subject(token), token) for token in tokens[:count]]


def subject(token: str) -> str | None:
    """Whose token it is, unproved. Raises ``NoTokensError`` if it is no JWT."""
    try:
        return str(jwt.decode(token, options={"verify_signature": False}).get("sub"))
    except jwt.PyJWTError as error:
        raise NoTokensError(f"what was given as a token is none: {error}") from None


async def of_the_demo(url: str, count: int) -> list[User]:
    """Viewers' tokens of a node that runs with ``--demo``. Raises ``NoTokensError``."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(http: aiohttp.ClientSession, n: int) -> User:
        body = {"name": f"Load {n}", "role": "viewer"}
        async with slots, http.post(f"{url}/api/v1/demo/token", json=body) as answer:
            if answer.status != 200:
                raise NoTokensError(
                    f"{url} hands out no demo tokens (HTTP {answer.status}): "
                    "give --secret-file with --issuer and --audience, or --token-command"
                )
            said = await answer.json()
            return User(said["user"]["id"], said["token"])

    async with aiohttp.ClientSession() as http:
        try:
            return list(await asyncio.gather(*(one(http, n) for n in range(count))))
        except aiohttp.ClientError as error:
            raise NoTokensError(f"{url}: {error}") from None


def spread(users: Sequence[User], count: int) -> list[User]:
    """One for each of ``count`` viewers, in turns."""
    return [users[n % len(users)] for n in range(count)]
