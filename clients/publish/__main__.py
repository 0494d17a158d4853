"""``python -m clients.publish``: keeps the drawn host or a media file published at a WHIP endpoint."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from clients.publish.drawn import DrawnSource
from clients.publish.feed import Source
from clients.publish.media_file import FileSource
from clients.publish.parent import parent_gone
from clients.publish.publisher import Publisher
from clients.publish.whip import WhipRefused, WhipTarget

KEY_VARIABLE = "DANMART_STREAM_KEY"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs until stopped (exit code 0) or refused for good (1); 2 for arguments that make no sense."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("aioice").setLevel(logging.WARNING)
    try:
        target = WhipTarget(args.url, _stream_key(args.key_file))
        source = _source(args)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    try:
        asyncio.run(_serve(target, source, with_parent=args.exit_with_parent))
    except WhipRefused as refused:
        print(f"error: the server refuses this publisher: {refused}", file=sys.stderr)
        return 1
    return 0


async def _serve(target: WhipTarget, source: Source, *, with_parent: bool) -> None:
    """Publishes until SIGTERM, SIGINT or, if asked for, the end of the parent; then says goodbye."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    publisher = Publisher(target, source, on_state=lambda state: print(state, flush=True))
    tasks = [asyncio.create_task(publisher.run()), asyncio.create_task(stop.wait())]
    if with_parent:
        tasks.append(asyncio.create_task(parent_gone()))
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome


def _source(args: argparse.Namespace) -> Source:
    width, height = args.size
    if args.file:
        return FileSource(args.file, width, height, args.fps, args.bitrate * 1000)
    return DrawnSource(width, height, args.fps, args.bitrate * 1000)


def _stream_key(key_file: Path | None) -> str | None:
    if key_file:
        return key_file.read_text().strip()
    return os.environ.get(KEY_VARIABLE)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    size = int(width), int(height)
    if not all(64 <= side <= 3840 and side % 2 == 0 for side in size):
        raise argparse.ArgumentTypeError("both sides must be even and between 64 and 3840, like 640x360")
    return size


def _whole(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be between {least} and {most}")
        return value

    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m clients.publish", description=__doc__)
    parser.add_argument(
        "--url", required=True, help="the WHIP endpoint, like http://127.0.0.1:8080/whip/demo"
    )
    parser.add_argument(
        "--key-file", type=Path, help=f"a file with the stream key (else it is taken from {KEY_VARIABLE})"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--drawn", action="store_true", help="publish the drawn host (the default)")
    what.add_argument("--file", type=Path, help="publish this media file in a loop")
    parser.add_argument("--size", type=_size, default=(640, 360), metavar="WxH", help="default 640x360")
    parser.add_argument("--fps", type=_whole(1, 60), default=25, help="frames a second, default 25")
    parser.add_argument("--bitrate", type=_whole(100, 20_000), default=900, help="video kbit/s, default 900")
    parser.add_argument(
        "--exit-with-parent",
        action="store_true",
        help="stop when the parent process or its pipe to stdin ends",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
