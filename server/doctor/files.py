"""Checks of what the node reads and writes: its data directory, its secret, SQLite, word lists, web pages."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from moderation.filter import TextFilter, WordListError
from server.config import ConfigError, Settings, node_secret
from server.config.node_secret import SECRET_FILE
from server.doctor.finding import Finding, error, ok, warn

GIB = 1 << 30
SPACE_NEEDED_BYTES = GIB // 2
SPACE_GOOD_BYTES = 5 * GIB
"""An hour of recorded 720p is about 0.7 GiB."""

SQLITE_MIN = (3, 35)
"""The first with RETURNING."""

# File systems on which SQLite's shared memory between processes doesn't work.
_NETWORK_FILE_SYSTEMS = (
    "nfs",
    "cifs",
    "smb",
    "9p",
    "fuse.sshfs",
    "fuse.s3",
    "fuse.rclone",
    "glusterfs",
    "ceph",
)

PAGES = ("index.html", "viewer.html", "studio.html", "desk.html")
PAGES_FOLDER = Path(__file__).resolve().parents[2] / "clients" / "web" / "dist"


def check_data_directory(settings: Settings) -> Iterator[Finding]:
    """Writable, with room on the disk."""
    folder = settings.node.data_dir.absolute()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as problem:
        yield error(
            f"the data directory {folder} can't be written to: {problem.strerror}",
            "give it to the user that runs Danmart, or set node.data_dir to a place that is",
        )
        return
    yield ok(f"the data directory {folder} {'is' if existing == folder else 'can be made and'} writable")
    free = shutil.disk_usage(existing).free
    told = f"{free / GIB:.1f} GiB are free on the disk of {folder}"
    if free < SPACE_NEEDED_BYTES:
        yield error(told, "make room: when the disk is full, nothing can be sold")
    elif free < SPACE_GOOD_BYTES:
        yield warn(told, "make room: recordings take about 0.7 GiB an hour")
    else:
        yield ok(told)


def check_secret(settings: Settings) -> Iterator[Finding]:
    """There, long enough, nobody else's, and the same on all nodes of a cluster."""
    if settings.node.secret is not None:
        yield ok("the node's secret comes from the config and is long enough")
        return
    if settings.redis_url is not None:
        yield warn(
            "each node makes a secret of its own, so that one's links and studio tokens fail at the others",
            "give all nodes the same node.secret (make one with `openssl rand -hex 32`)",
        )
    file = settings.node.data_dir / SECRET_FILE
    if not file.exists():
        yield ok(f"the node's secret will be made in {file}")
        return
    try:
        node_secret(settings)
    except ConfigError as problem:
        yield error(str(problem.problems[0].what), f"{file}: {problem.problems[0].advice}")
        return
    if stat.S_IMODE(file.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        yield warn(f"others on this machine can read the node's secret {file}", f"chmod 600 {file}")
    else:
        yield ok(f"the node's secret is in {file}")


def check_sqlite(settings: Settings) -> Iterator[Finding]:
    """Its version, and that its write-ahead log works where the database lies."""
    prefix = "sqlite:///"
    if not settings.database_url.startswith(prefix):
        return
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < SQLITE_MIN:
        wanted = ".".join(map(str, SQLITE_MIN))
        yield error(f"SQLite {version} is too old", f"use a Python that comes with SQLite {wanted} or later")
        return
    if settings.redis_url is not None:
        yield warn("several nodes can't share a SQLite file", "set store.url to a PostgreSQL database")
    folder = Path(settings.database_url.removeprefix(prefix)).absolute().parent
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if kind := network_file_system(existing, _mounts()):
        yield error(
            f"{folder} is on a network file system ({kind}), where SQLite can lose data",
            "put node.data_dir on a local disk, or use PostgreSQL",
        )
        return
    yield from _write_ahead_log(existing, version)


def _write_ahead_log(folder: Path, version: str) -> Iterator[Finding]:
    try:
        with (
            tempfile.TemporaryDirectory(dir=folder, prefix=".doctor-") as scratch,
            closing(sqlite3.connect(Path(scratch) / "try.db")) as connection,
        ):
            (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
            connection.execute("CREATE TABLE t (x)")
    except (OSError, sqlite3.Error) as problem:
        yield error(f"SQLite can't write in {folder}: {problem}", "check the rights and the disk")
        return
    if mode == "wal":
        yield ok(f"SQLite {version} works with its write-ahead log")
    else:
        yield error(f"SQLite's write-ahead log doesn't work in {folder}", "put node.data_dir on a local disk")


def network_file_system(folder: Path, mounts: str) -> str | None:
    """The kind of network file system that ``folder`` is on, by /proc/mounts; None: it is local."""
    best, kind = "", ""
    for line in mounts.splitlines():
        parts = line.split()
        if len(parts) < 3:
            continue
        point = parts[1].replace("\\040", " ")
        inside = folder == Path(point) or Path(point) in folder.parents
        if inside and len(point) >= len(best):
            best, kind = point, parts[2]
    return kind if kind.startswith(_NETWORK_FILE_SYSTEMS) else None


def _mounts() -> str:
    try:
        return Path("/proc/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not on Linux: the write-ahead log is tried anyway
        return ""


def check_word_lists(settings: Settings) -> Iterator[Finding]:
    """Every list loads."""
    try:
        TextFilter.load()
    except WordListError as problem:
        yield error(f"the word lists that come with Danmart are damaged: {problem}", "install it again")
    for path in settings.moderation.word_lists:
        try:
            words = TextFilter.load([path], with_bundled=False)
        except WordListError as problem:
            yield error(f"word list {problem}", "mend it, or take it out of moderation.word_lists")
        else:
            yield ok(f"word list {path}: {words.size} entries")


def check_pages(folder: Path = PAGES_FOLDER) -> Iterator[Finding]:
    """The web pages are built."""
    missing = [name for name in PAGES if not (folder / name).is_file()]
    if missing:
        yield error(
            f"the web pages are not built: {', '.join(missing)} missing in {folder}",
            "in a clone: ./dev run builds them; from a package: install it again",
        )
    elif not os.access(folder / PAGES[0], os.R_OK):
        yield error(f"the web pages in {folder} can't be read", "check the rights")
    else:
        yield ok("the web pages are built")
