"""The process that decodes and listens: ``python -m media.hearing.worker CHECKER MEMORY_BYTES JOB_S``."""

from __future__ import annotations

import sys

from media.checks.job import Undecodable, serve
from media.checks.wire import Head
from media.hearing.answers import NOTHING_SAID, read_said
from media.hearing.checkers import Check, load
from media.hearing.pcm import decode, is_quiet, to_ogg, to_wav
from media.hearing.windows import unpack


def listen(check: Check, job: Head, body: bytes) -> tuple[Head, bytes]:
    """Of a ``window`` its WAV and what was said in it; a WAV to ``keep`` as a small file."""
    if job["kind"] == "keep":
        return {}, to_ogg(body)
    try:
        packets = unpack(body)
    except ValueError as error:
        raise Undecodable(str(error)) from error
    pcm = decode(packets)
    wav, quiet = to_wav(pcm), is_quiet(pcm)
    said = NOTHING_SAID if quiet else read_said(check(wav))
    head = {"quiet": quiet, "scores": dict(said.scores), "text": said.text, "language": said.language}
    return head, wav


if __name__ == "__main__":
    sys.exit(serve(sys.argv[1:], load, listen))
