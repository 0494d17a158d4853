"""``danmart verify-draw FILE``: recompute a draw from its published file, without a server."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import orjson

from rooms.play.lotteries.published import PARTS, verify

OK, WRONG, BAD_USAGE = 0, 1, 2


def main(argv: Sequence[str]) -> int:
    """Says what was checked and what is wrong; gives the exit code: 0, 1 (something is wrong), 2 (there is no
    such file)."""
    arguments = _parser().parse_args(argv)
    try:
        content = arguments.file.read_bytes()
    except OSError as error:
        print(f"{arguments.file}: {error.strerror}", file=sys.stderr)
        return BAD_USAGE
    try:
        file = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        print(f"wrong  format: this is not JSON: {error}")
        return WRONG
    findings = verify(file, commitment=arguments.commitment, entrants=arguments.entrants)
    for finding in findings:
        print(f"wrong  {finding.part}: {finding.what}")
    if findings:
        return WRONG
    for part in PARTS:
        print(f"ok     {part}")
    print(f"{file['closed']['count']} entrants, {len(file['winners'])} places drawn: as it must be.")
    if arguments.commitment is None or arguments.entrants is None:
        print("Compare with what the room was shown before the draw, or give it as options:")
        print(f"  --commitment {file['opened']['commitment']}\n  --entrants {file['closed']['hash']}")
    return OK


def _hash(text: str) -> str:
    if len(text) != 64 or not set(text.lower()) <= set("0123456789abcdef"):
        raise argparse.ArgumentTypeError("should be 64 hexadecimal digits")
    return text.lower()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="danmart verify-draw", description=__doc__, allow_abbrev=False)
    parser.add_argument("file", type=Path, metavar="FILE", help="from /api/v1/lotteries/…/draw")
    parser.add_argument("--commitment", type=_hash, help="what the room was shown when the lottery opened")
    parser.add_argument("--entrants", type=_hash, help="what the room was shown when it closed")
    return parser
