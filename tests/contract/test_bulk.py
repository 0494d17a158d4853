"""Writing many rows at once keeps every value as it was, and finds rows by any of their columns."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Column, Engine, LargeBinary, MetaData, String, Table, Text, create_engine
from sqlalchemy.exc import DataError, IntegrityError, OperationalError, ProgrammingError

from rooms import bulk
from rooms.schema import Json
from tests.contract.house import House

_TABLE = Table(
    "odd_things",
    MetaData(),
    Column("room", String(40), primary_key=True),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("text", Text),
    Column("number", BigInteger),
    Column("raw", LargeBinary),
    Column("json", Json),
)
_NAMES = tuple(column.name for column in _TABLE.columns)
_KEY = ("room", "offset")

# PostgreSQL stores no NUL in a text; surrogates alone are no text.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
values = st.tuples(
    st.none()
    | texts
    | st.sampled_from(['"', "\\", "{a,b}", "NULL", "null", "", " ", "\\x41", "'; --", "\n"]),
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.binary(max_size=20),
    st.none() | st.dictionaries(texts, st.integers(-5, 5) | texts, max_size=3),
)
full = st.tuples(texts, st.integers(-(2**63), 2**63 - 1), st.binary(max_size=20), st.none())
keys = st.tuples(texts, st.integers(0, 5))
# A column without a hole is written otherwise than one with holes.
tables = st.dictionaries(keys, values, max_size=12) | st.dictionaries(keys, full, max_size=12)


@pytest.fixture
def engine(house: House) -> Any:
    """Beside the house's own connections, on the same database."""
    url = house.store.writer._engine.url
    engine = create_engine(url)
    with engine.begin() as conn:
        _TABLE.drop(conn, checkfirst=True)
        _TABLE.create(conn)
    yield engine
    engine.dispose()


def _read(engine: Engine, keys: list[Any]) -> dict[Any, Any]:
    with engine.connect() as conn:
        found = [tuple(row) for row in bulk.select(conn, _TABLE, _KEY, keys)]
        locked = [tuple(row) for row in bulk.select(conn, _TABLE, _KEY, keys, lock="FOR UPDATE")]
    assert sorted(map(repr, found)) == sorted(map(repr, locked))
    assert len(found) == len({row[:2] for row in found})
    return {row[:2]: row[2:] for row in found}


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(tables, st.data())
def test_everything_comes_back_as_it_was(engine: Engine, rows: dict[Any, Any], data: st.DataObject) -> None:
    with engine.begin() as conn:
        conn.execute(_TABLE.delete())
        bulk.insert(conn, _TABLE, _NAMES, [key + value for key, value in rows.items()])
    assert _read(engine, [*rows, ("not there", 9)]) == rows
    some = data.draw(st.lists(st.sampled_from(sorted(rows)), unique=True) if rows else st.just([]))
    new = {key: data.draw(values) for key in some}
    with engine.begin() as conn:
        bulk.update(conn, _TABLE, _NAMES[2:], _KEY, [value + key for key, value in new.items()])
    assert _read(engine, list(rows)) == rows | new
    with engine.begin() as conn:
        bulk.delete(conn, _TABLE, _KEY, some)
    assert _read(engine, list(rows)) == {key: row for key, row in rows.items() if key not in new}


@pytest.mark.parametrize("text", ["a\0b", "\0", '\0","'])
def test_a_text_that_postgres_cannot_keep_is_refused_and_moves_no_other(engine: Engine, text: str) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite keeps it")
    rows = [("room", number, said, number, b"", None) for number, said in enumerate(["x", text, "y"])]
    with pytest.raises(DataError), engine.begin() as conn:
        bulk.insert(conn, _TABLE, _NAMES, rows)
    assert _read(engine, [row[:2] for row in rows]) == {}


def test_what_is_too_long_is_refused_and_not_cut_off(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no lengths")
    with pytest.raises(DataError), engine.begin() as conn:
        bulk.insert(conn, _TABLE, _NAMES, [("r" * 41, 1, None, None, None, None)])


def test_a_key_that_is_there_is_refused(engine: Engine) -> None:
    row = ("room", 1, None, None, None, None)
    with pytest.raises(IntegrityError), engine.begin() as conn:
        bulk.insert(conn, _TABLE, _NAMES, [row, row])


def test_errors_are_sqlalchemys_and_the_connection_is_none_the_worse(house: House, engine: Engine) -> None:
    with house.store._reading.connect() as conn:
        with pytest.raises((OperationalError, ProgrammingError)):  # SQLite's word for it, and PostgreSQL's
            list(bulk.fetch(conn, "SELECT nothing FROM nowhere", ()))
        conn.rollback()
        assert list(bulk.select(conn, _TABLE, _KEY, [("room", 1)])) == []


def test_a_readers_statements_see_one_state_of_the_database(house: House, engine: Engine) -> None:
    with house.store._reading.connect() as conn:
        assert list(bulk.select(conn, _TABLE, _KEY, [("room", 1)])) == []
        with engine.begin() as writing:
            bulk.insert(writing, _TABLE, _NAMES, [("room", 1, "new", None, None, None)])
        assert list(bulk.select(conn, _TABLE, _KEY, [("room", 1)])) == []
    assert list(_read(engine, [("room", 1)])) == [("room", 1)]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)), unique=True))
def test_bundles_are_all_keys_once(keys: list[tuple[int, int, int]]) -> None:
    for last in (False, True):
        found = []
        for place, others, values in bulk.by_one_column(keys, last=last):
            assert values == sorted(values)
            assert place == 2 or not last
            found += [(*others[:place], value, *others[place:]) for value in values]
        assert sorted(found) == sorted(keys)
        assert len(found) == len(keys)


def test_one_user_a_row_is_one_bundle() -> None:
    keys = [("room", f"user-{n}", "mute") for n in range(100)]
    assert len(list(bulk.by_one_column(keys))) == 1
