"""Schema migrations by Alembic: a node starts on an empty folder and brings its own database up to date."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.exc import DBAPIError

# Every module that has tables: importing it is what makes them known.
import moderation.audit
import moderation.audit.days
import moderation.audit.watch
import moderation.evasion.address_bans
import moderation.evasion.hints
import moderation.evasion.notes
import moderation.evasion.trace_rows
import moderation.pictures.store
import moderation.review.store
import moderation.rulebook.store
import moderation.sanctions.store
import moderation.sounds.store
import moderation.standing  # noqa: F401
import rooms.avatars
import rooms.follows
import rooms.gifts.catalogue
import rooms.gifts.fans
import rooms.gifts.store
import rooms.guests.store
import rooms.log
import rooms.origins
import rooms.paces
import rooms.play.lotteries.store
import rooms.play.packets.store
import rooms.play.polls.store
import rooms.play.quizzes.store
import rooms.points.offers
import rooms.points.store
import rooms.recordings.clips
import rooms.recordings.store
import rooms.shop.coupons.store
import rooms.shop.sale_store
import rooms.shop.shelf
import rooms.shop.store
import rooms.wallet.payouts
import rooms.wallet.store
import rooms.watching  # noqa: F401
import server.credentials
import server.node_rows
import server.payments.sandbox
import server.pictures
import server.store.keys
import server.store.writer
import server.webhooks.tables  # noqa: F401
from rooms.schema import metadata
from server.store.engine import open_readers, open_writer, sqlite_file

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x64616E6D617274  # "danmart": PostgreSQL's advisory lock that lets one node migrate at a time


def target() -> MetaData:
    """Every table of the project."""
    return metadata


def config(connection: Connection | None = None) -> Config:
    """Alembic's config without a file; ``connection`` is used if given."""
    alembic = Config()
    alembic.set_main_option("script_location", str(MIGRATIONS))
    alembic.attributes["connection"] = connection
    return alembic


def is_current(url: str) -> bool:
    """Whether the database is there and has this version's schema. Changes nothing. Blocks."""
    database = sqlite_file(url)
    if database is not None and not database.is_file():
        return False
    engine = open_readers(url, size=1)
    try:
        with engine.connect() as connection:
            found = set(MigrationContext.configure(connection).get_current_heads())
        return found == set(ScriptDirectory.from_config(config()).get_heads())
    except DBAPIError:
        return False
    finally:
        engine.dispose()


def migrate(url: str) -> None:
    """Upgrade the database to this version's schema. Other nodes that start now wait. Blocks."""
    if database := sqlite_file(url):
        database.parent.mkdir(parents=True, exist_ok=True)
    engine = open_writer(url, timeout_ms=0)
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            command.upgrade(config(connection), "head")
    finally:
        engine.dispose()
