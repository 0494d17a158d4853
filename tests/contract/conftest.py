"""Every test in this folder runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from server.store.migrate import migrate, target
from tests.contract.desk import Desk, desk_of
from tests.contract.house import House, house_at
from tests.server.webhooks.receiver import Receiver, running_receiver
from tests.support.postgres import PostgresServer

_MEMORY_BYTES = 500_000_000  # below that, a folder in memory is left alone


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'danmart.db'}"
    else:
        yield request.getfixturevalue("postgres_url")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database to copy, as migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("template") / "danmart.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_schema(postgres: PostgresServer) -> str:
    """The name of a migrated database, empty between tests."""
    name = postgres.create_database()
    migrate(postgres.url(name))
    return name


@pytest.fixture
def shared_url(postgres: PostgresServer, postgres_schema: str) -> Iterator[str]:
    """A migrated PostgreSQL database, for several nodes."""
    yield postgres.url(postgres_schema)
    postgres.empty(postgres_schema, [table.name for table in reversed(target().sorted_tables)])


@pytest.fixture
def quick_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where there is such a thing: nothing here asks what a power cut leaves."""
    memory = Path("/dev/shm")
    if not (
        memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _MEMORY_BYTES
    ):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="danmart-", dir=memory) as folder:
        yield Path(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest) -> str:
    """A database with the schema and nothing in it."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("shared_url")
        return url
    copy: Path = request.getfixturevalue("quick_folder") / "danmart.db"
    shutil.copyfile(request.getfixturevalue("sqlite_template"), copy)
    return f"sqlite:///{copy}"


@pytest.fixture
async def house(migrated_url: str) -> AsyncIterator[House]:
    async with house_at(migrated_url) as house:
        yield house


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A shop that takes webhooks."""
    async with running_receiver() as receiver:
        yield receiver


@pytest.fixture
async def desk(house: House) -> AsyncIterator[Desk]:
    """The webhooks of the house's only node."""
    async with desk_of(house) as desk:
        yield desk
