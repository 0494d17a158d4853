"""Checks of the services a node leans on: the database with its clock, Redis, the shop's keys."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import time
from collections.abc import Iterator, Mapping
from typing import Any

import redis
from redis.exceptions import RedisError
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from server.auth import Tokens
from server.auth.jwks import parse_key_set
from server.config import ConfigError, Settings
from server.doctor.finding import Finding, error, ok, warn
from server.outbound import Outbound, OutboundError

SKEW_MAX_MS = 50
CONNECT_TIMEOUT_S = 5
POSTGRES_MIN = 14
REDIS_MIN = 7
_CLOCK_PROBES = 5


def check_database(settings: Settings) -> Iterator[Finding]:
    """Reachable, of a fit version, durable, and with the same time as here. Blocks: for a thread."""
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite":
        yield from _check_sqlite_file(url.database or "")
        return
    place = f"the database at {url.host or 'its socket'}"
    engine = create_engine(url, connect_args={"connect_timeout": CONNECT_TIMEOUT_S})
    try:
        with engine.connect() as connection:
            yield from _check_postgres(connection, place)
    except SQLAlchemyError as problem:
        reason = str(getattr(problem, "orig", problem)).strip().splitlines()[0]
        yield error(f"{place} can't be reached: {reason}", "check store.url, and that PostgreSQL is running")
    finally:
        engine.dispose()


def _check_sqlite_file(path: str) -> Iterator[Finding]:
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    except sqlite3.OperationalError:
        yield ok(f"the database {path} will be made")
        return
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as problem:
        yield error(f"{path} can't be read as a database: {problem}", "restore it from a backup")
    else:
        yield ok(f"the database {path} can be read")
    finally:
        connection.close()


def _check_postgres(connection: Connection, place: str) -> Iterator[Finding]:
    version = str(connection.scalar(text("SHOW server_version")))
    if int(re.split(r"\D", version, maxsplit=1)[0]) < POSTGRES_MIN:
        yield error(f"{place} is PostgreSQL {version}", f"use PostgreSQL {POSTGRES_MIN} or later")
    else:
        yield ok(f"{place} is PostgreSQL {version}")
    for setting in ("fsync", "synchronous_commit"):
        if connection.scalar(text(f"SHOW {setting}")) == "off":
            yield warn(
                f"{place} has {setting} = off: orders that were acknowledged can be lost when it crashes",
                f"set {setting} = on in postgresql.conf",
            )
    yield judge_skew(*_measure_skew(connection))


def _measure_skew(connection: Connection) -> tuple[float, float]:
    """How far the database's clock is ahead of ours, and how far that may be wrong: both in ms.

    As NTP does it: of several exchanges the quickest counts, and its middle is taken for the moment asked.
    """
    best: tuple[float, float] | None = None
    for _ in range(_CLOCK_PROBES):
        before = time.time()
        theirs = connection.scalar(text("SELECT extract(epoch FROM clock_timestamp())::float8"))
        after = time.time()
        error_ms = (after - before) * 500
        if theirs is not None and (best is None or error_ms < best[1]):
            best = ((float(theirs) - (before + after) / 2) * 1000, error_ms)
    return best or (0.0, 0.0)


def judge_skew(skew_ms: float, uncertainty_ms: float) -> Finding:
    """Whether two clocks that differ by so much are together enough for countdowns and holds."""
    told = f"the clocks of this machine and the database differ by {abs(skew_ms):.0f} ms"
    if abs(skew_ms) - uncertainty_ms > SKEW_MAX_MS:
        return warn(told, "run an NTP service (chrony, systemd-timesyncd) on both machines")
    if uncertainty_ms > SKEW_MAX_MS:
        return warn(
            f"{told}, give or take {uncertainty_ms:.0f} ms: the database answers slowly",
            "put the node and its database near each other",
        )
    return ok(told)


def check_redis(settings: Settings) -> Iterator[Finding]:
    """Reachable, and of a fit version. Blocks: for a thread."""
    if settings.redis_url is None:
        return
    try:
        with redis.Redis.from_url(
            settings.redis_url, socket_connect_timeout=CONNECT_TIMEOUT_S, socket_timeout=CONNECT_TIMEOUT_S
        ) as client:
            info: Mapping[str, Any] = client.info("server")
    except (RedisError, OSError) as problem:
        yield error(f"Redis can't be asked: {problem}", "check bus.redis_url, and that Redis is running")
        return
    yield judge_redis(info)


def judge_redis(info: Mapping[str, Any]) -> Finding:
    """Whether a server that says this of itself (INFO server) is recent enough."""
    if "valkey_version" in info:
        return ok(f"the bus is Valkey {info['valkey_version']}")
    version = str(info.get("redis_version", "0"))
    if int(re.split(r"\D", version, maxsplit=1)[0] or 0) < REDIS_MIN:
        return error(f"the bus is Redis {version}", f"use Redis {REDIS_MIN} or later, or Valkey")
    return ok(f"the bus is Redis {version}")


async def check_auth(settings: Settings) -> list[Finding]:
    """There are keys, they can be read, and published ones can be fetched."""
    keys = settings.auth.keys
    if not keys:
        return [] if settings.demo else [_shop_cant_sign_in()]
    outbound = Outbound(settings.outbound)
    try:
        Tokens(keys, outbound.get)
    except ConfigError as problem:
        first = problem.problems[0]
        return [error(f"{first.path} {first.what}", first.advice)]
    published = [
        _check_key_set(outbound, f"auth.keys.{index}.jwks_url", key.jwks_url, key.alg)
        for index, key in enumerate(keys)
        if key.jwks_url is not None
    ]
    return [ok(f"{len(keys)} key(s) for users' tokens can be read"), *await asyncio.gather(*published)]


def _shop_cant_sign_in() -> Finding:
    return warn(
        "auth.keys is empty: your shop's users can't sign in, only who has a link from `danmart host-link`",
        "add the key that your shop signs its users' tokens with",
    )


async def _check_key_set(outbound: Outbound, path: str, url: str, alg: str) -> Finding:
    try:
        found = parse_key_set(await outbound.get(url), alg)
    except (OutboundError, ValueError) as problem:
        return error(f"the keys at {path} can't be had: {problem}", f"check {url}")
    return ok(f"{path} has {len(found)} key(s) for {alg}")
