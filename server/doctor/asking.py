"""Asking the database something, for checks of what is in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from server.config import Settings
from server.store.engine import open_readers, sqlite_file

T = TypeVar("T")


def ask(settings: Settings, query: Callable[[Connection], T]) -> T | None:
    """The answer; None where the database isn't there yet, is away, or hasn't been migrated: other checks say
    so. Makes no file. Blocks: for a thread."""
    file = sqlite_file(settings.database_url)
    if file is not None and not file.exists():
        return None
    engine = open_readers(settings.database_url, size=1)
    try:
        with engine.connect() as connection:
            return query(connection)
    except SQLAlchemyError:
        return None
    finally:
        engine.dispose()
