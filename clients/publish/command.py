"""``danmart publish``: puts a file or a URL on the air in a room, by WHIP."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import random
import re
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import aiohttp

from clients.publish.demux import Unusable
from clients.publish.publisher import retry_delay
from clients.publish.show import Show
from clients.publish.whip import ENDED, WhipRefused, WhipSession, WhipTarget

KEY_VARIABLE, TOKEN_VARIABLE, URL_VARIABLE = "DANMART_STREAM_KEY", "DANMART_TOKEN", "DANMART_URL"
OK, FAILED, BAD_USAGE, INTERRUPTED = 0, 1, 2, 130
_RENEW_S = 200.0  # publish tokens are good for five minutes
_HTTP_TIMEOUT = aiohttp.ClientTimeout(total=10)
_ADVICE = {
    401: "the stream key or token is not valid (any more): make a new one",
    403: "the stream key or token is not for this room",
    404: "there is no such room at this node: check the room's id and --url",
    406: "the node doesn't take this picture: try --transcode",
}


class _Credential:
    """A stream key, or a host's sign-in token that is exchanged for publish tokens."""

    def __init__(
        self, http: aiohttp.ClientSession, base: str, room: str, key: str | None, token: str
    ) -> None:
        self._http, self._base, self._room, self._key, self._token = http, base, room, key, token
        self.renews = key is None

    async def get(self) -> str:
        """A bearer for WHIP. Raises ``WhipRefused``, ``aiohttp.ClientError``, ``TimeoutError``."""
        if self._key is not None:
            return self._key
        address = f"{self._base}/api/v1/rooms/{quote(self._room)}/commands/publish.token"
        headers = {"Authorization": f"Bearer {self._token}"}
        async with self._http.post(address, json={}, headers=headers, timeout=_HTTP_TIMEOUT) as answer:
            body = await answer.json(content_type=None)
            if answer.status != 200:
                raise WhipRefused(answer.status, str(body.get("detail") or answer.reason), None)
            return str(body["token"])


def main(argv: Sequence[str] | None = None) -> int:
    """Runs until the end of the input (0), a refusal for good (1), or SIGINT (130); 2: bad usage."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    try:
        key = args.key_file.read_text().strip() if args.key_file else os.environ.get(KEY_VARIABLE)
        token = args.token_file.read_text().strip() if args.token_file else os.environ.get(TOKEN_VARIABLE)
        if not key and not token:
            raise ValueError(
                f"no credential: set {KEY_VARIABLE} to a stream key of the room,"
                f" or {TOKEN_VARIABLE} to its host's token"
            )
        show = Show(
            args.input,
            loop=args.loop,
            start_s=args.start_at,
            transcode=args.transcode,
            bitrate=args.bitrate * 1000,
        )
    except (OSError, ValueError) as error:
        print(f"danmart publish: {error}", file=sys.stderr)
        return BAD_USAGE
    _say(f"{args.input}: {_described(show)}")
    try:
        return asyncio.run(_run(args, show, key, token or ""))
    except KeyboardInterrupt:
        return INTERRUPTED


async def _run(args: argparse.Namespace, show: Show, key: str | None, token: str) -> int:
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel if task else lambda: None)
    base = args.url.rstrip("/")
    async with aiohttp.ClientSession() as http:
        credential = _Credential(http, base, args.room, key, token)
        try:
            await _publish(http, f"{base}/whip/{quote(args.room)}", credential, show, takeover=args.takeover)
        except asyncio.CancelledError:
            _say("stopped")
            return INTERRUPTED
        except WhipRefused as refused:
            print(
                f"danmart publish: {refused}: {_ADVICE.get(refused.status, 'it will not be taken')}",
                file=sys.stderr,
            )
            return FAILED
        except Unusable as error:
            print(f"danmart publish: {error}", file=sys.stderr)
            return FAILED
    _say("the end")
    return OK


async def _publish(
    http: aiohttp.ClientSession, whip: str, credential: _Credential, show: Show, *, takeover: bool
) -> None:
    """Session after session until the input ends. Raises a final ``WhipRefused``, ``Unusable``."""
    failures = 0
    while True:
        failures += 1
        asked: float | None = None
        try:
            target = WhipTarget(whip, await credential.get(), takeover=takeover)
            async with WhipSession(http, target, await asyncio.to_thread(show.feeds)) as session:
                failures = 0
                _say(f"live at {whip}")
                reason = await _watched(session, credential)
                if reason == ENDED and not show.goes_on:
                    return
                _say(f"lost: {reason}")
        except Unusable as error:
            if not show.goes_on:
                raise
            _say(f"waiting for the input: {error}")
        except WhipRefused as refused:
            if refused.final:
                raise
            asked = refused.retry_after_s
            _say(f"not now: {refused}" + (" (--takeover takes its place)" if refused.status == 409 else ""))
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            _say(f"{whip} can't be reached: {error or type(error).__name__}. Is the node running there?")
        await asyncio.sleep(retry_delay(failures, asked, random.random()))  # noqa: S311  no secret


async def _watched(session: WhipSession, credential: _Credential) -> str:
    """Until the session is over; a publish token is renewed meanwhile, for the goodbye."""
    lost = asyncio.create_task(session.wait_lost())
    try:
        while True:
            done, _ = await asyncio.wait([lost], timeout=_RENEW_S)
            if done:
                return lost.result()
            if credential.renews:
                with suppress(WhipRefused, aiohttp.ClientError, TimeoutError):
                    session.renew(await credential.get())
    finally:
        lost.cancel()
        await asyncio.gather(lost, return_exceptions=True)


def _say(text: str) -> None:
    print(text, flush=True)


def _described(show: Show) -> str:
    nature = show.nature
    picture = f"{nature.width}×{nature.height}, {nature.fps:.0f} fps"
    way = (
        "sent as it is"
        if show.passes
        else f"encoded anew as {show.fitted[0]}×{show.fitted[1]}, {show.fps} fps"
    )
    return f"{picture}, {way}; {'with' if nature.has_sound else 'without'} sound"


def _seconds(text: str) -> float:
    """Seconds, or H:MM:SS."""
    if not re.fullmatch(r"\d+(\.\d+)?|(\d+:)?\d{1,2}:\d{2}(\.\d+)?", text):
        raise argparse.ArgumentTypeError("seconds, M:SS or H:MM:SS")
    total = 0.0
    for part in text.split(":"):
        total = total * 60 + float(part)
    return total


def _kbps(text: str) -> int:
    value = int(text)
    if not 100 <= value <= 20_000:
        raise argparse.ArgumentTypeError("must be between 100 and 20000")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="danmart publish", description=__doc__, allow_abbrev=False)
    parser.add_argument("room", metavar="ROOM", help="the room's id")
    parser.add_argument(
        "input", metavar="FILE|URL", help="a media file, or an http(s), rtmp(s) or rtsp address"
    )
    parser.add_argument(
        "--url",
        default=os.environ.get(URL_VARIABLE, "http://127.0.0.1:8080"),
        help=f"the node ({URL_VARIABLE}, else http://127.0.0.1:8080)",
    )
    parser.add_argument("--key-file", type=Path, help=f"a file with the stream key (else {KEY_VARIABLE})")
    parser.add_argument(
        "--token-file", type=Path, help=f"a file with the host's token (else {TOKEN_VARIABLE})"
    )
    parser.add_argument("--loop", action="store_true", help="begin again at the end, for ever")
    parser.add_argument(
        "--start-at", type=_seconds, default=0.0, metavar="TIME", help="seconds, M:SS or H:MM:SS"
    )
    parser.add_argument("--transcode", action="store_true", help="encode anew what could be sent as it is")
    parser.add_argument("--bitrate", type=_kbps, default=2500, help="of what is encoded anew, kbit/s (2500)")
    parser.add_argument("--takeover", action="store_true", help="take the place of one's own other session")
    return parser


if __name__ == "__main__":
    sys.exit(main())
