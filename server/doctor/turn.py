"""Checks of the TURN servers that publishers and viewers are told of."""

from __future__ import annotations

import asyncio
import re
import time

from aioice.stun import TransactionError, TransactionFailed
from aioice.turn import create_turn_endpoint

from media.turn import Turn
from server.config import Settings
from server.doctor.finding import Finding, error, ok, warn

_ANSWERS_WITHIN_S = 4.0
_PARTS = re.compile(r"(turns?):(\[.+\]|[^:?]+)(?::(\d+))?(?:\?transport=(udp|tcp))?")


async def check_turn(settings: Settings) -> list[Finding]:
    """Each server really relays with the credentials that browsers will be given."""
    turn = settings.media.turn
    if turn.secret is None:
        return []
    pair = Turn(turn.urls, turn.secret.get_secret_value(), turn.lifetime_s).credentials(time.time(), "doctor")
    findings = await asyncio.gather(*(_try(url, pair) for url in turn.urls))
    if settings.listen.is_public and not any("transport=tcp" in url for url in turn.urls):
        findings.append(
            warn(
                "no TURN server is reached by TCP, and it is networks without UDP that need one",
                "add turns:…:443?transport=tcp to media.turn.urls",
            )
        )
    return findings


async def _try(url: str, pair: tuple[str, str]) -> Finding:
    """An allocation, given back at once."""
    scheme, host, port, transport = _PARTS.findall(url)[0]  # the settings have checked that it matches
    if scheme == "turns" and transport == "udp":
        return warn(f"{url} is TURN over DTLS, which few browsers can", "offer turns:…?transport=tcp too")
    secure = scheme == "turns"
    address = (host.strip("[]"), int(port or (5349 if secure else 3478)))
    try:
        async with asyncio.timeout(_ANSWERS_WITHIN_S):
            relay, _ = await create_turn_endpoint(
                asyncio.DatagramProtocol,
                address,
                *pair,
                ssl=secure,
                transport="tcp" if secure else transport or "udp",
            )
    except TransactionFailed as problem:
        return error(
            f"{url} refuses our credentials: {problem}",
            "give coturn use-auth-secret and the same static-auth-secret as media.turn.secret, and a realm",
        )
    except (OSError, TimeoutError, TransactionError) as problem:
        reason = str(problem) or f"no answer within {_ANSWERS_WITHIN_S:.0f} s"
        return error(f"{url} can't be reached: {reason}", "check media.turn.urls and the TURN server")
    relay.close()
    return ok(f"{url} relays")
