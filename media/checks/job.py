"""The worker's side: a process that takes jobs from its standard input and answers on its standard output.

One after the other, and it ends when the input does. What it decodes was sent by strangers, so it has little:
a bound on its memory, a low priority, and clocks that kill it if one job takes too long, whether or not the
node is still there.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO, TypeVar

from media.checks.loading import CheckerError
from media.checks.wire import Head, pack, receive_now

NICENESS = 10
LOAD_S, PATIENCE = 30.0, 5

C = TypeVar("C")
Do = Callable[[C, Head, bytes], tuple[Head, bytes]]
"""Carries a job out: what it answers. Raises ``Undecodable``."""


class Undecodable(Exception):  # noqa: N818  it is an answer, not a fault
    """There is nothing in it to be checked, or too much."""


def serve(arguments: list[str], load: Callable[[str], C], do: Do[C]) -> int:
    """Until the input ends. ``arguments``: the checker, which ``load`` loads, the memory in bytes, and how
    many seconds of the processor a job may take."""
    checker, memory, job_s = arguments[0], int(arguments[1]), float(arguments[2])
    jobs, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not do so into our answers
    _become_small(memory)
    try:
        with _limited(LOAD_S):
            check = load(checker)
    except CheckerError as error:
        print(error, file=sys.stderr)
        return 1
    _send(answers, {"ready": True, "memory": _memory_bytes()})
    while (job := receive_now(jobs)) is not None:
        with _limited(job_s):
            head, rest = _answer(check, do, *job)
        _send(answers, head, rest)
    return 0


def _answer(check: C, do: Do[C], job: Head, body: bytes) -> tuple[Head, bytes]:
    began = time.process_time()
    head: Head = {"id": job["id"]}
    rest = b""
    if job["kind"] != "ping":
        try:
            said, rest = do(check, job, body)
            head |= said
        except Undecodable as error:
            head["undecodable"] = str(error)
        except MemoryError:
            raise  # whatever it was, a fresh process is better now
        except Exception as error:
            print(f"the checker failed: {error!r}", file=sys.stderr)
            head["failed"] = repr(error)[:200]
    return head | {"cpu_s": time.process_time() - began, "memory": _memory_bytes()}, rest


def _become_small(memory: int) -> None:
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """The kernel ends the process if it takes more of the processor, or ``PATIENCE`` times as long by the
    clock: beside busy loops a nice process may wait. No handler could end it while C code runs."""
    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, seconds * PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _memory_bytes() -> int:
    """What the process has in memory now; the most that it had, where that can't be told."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _send(answers: BinaryIO, head: Mapping[str, object], body: bytes = b"") -> None:
    answers.write(pack(dict(head), body))
    answers.flush()
