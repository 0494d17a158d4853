"""Audit trails are hash chains, with what they say of people beside them"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import orjson
import sqlalchemy as sa
from alembic import op

# The rules of version 1 are published and never change, so they can be used from here.
from moderation.audit.chain import SALT_BYTES, START, Link, facts_of, what_digest, who_digest

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

PORTION = 1_000

OLD = sa.table(
    "audit",
    *map(sa.column, ("id", "room_id", "at_ms", "actor_id", "actor_name", "action", "target", "detail")),
)
CHAIN = sa.table("audit_chain", *map(sa.column, Link.__slots__))
DETAILS = sa.table(
    "audit_details",
    *map(
        sa.column,
        ("trail", "seq", "who_salt", "actor_id", "actor_name", "what_salt", "target", "detail"),
    ),
)
HEADS = sa.table("audit_heads", sa.column("trail"), sa.column("seq"), sa.column("hash"))


def _kept(*columns: str) -> str:
    return " AND ".join(f"NEW.{column} IS NOT DISTINCT FROM OLD.{column}" for column in columns)


def _gone(*columns: str) -> str:
    return " AND ".join(f"NEW.{column} IS NULL" for column in columns)


WHO, WHAT = ("who_salt", "actor_id", "actor_name"), ("what_salt", "target", "detail")
ERASING = " AND ".join(f"(({_kept(*half)}) OR ({_gone(*half)}))" for half in (WHO, WHAT))

# What the database refuses: the table, the deed, and of which rows (None: of any).
GUARDS = (
    ("audit_chain", "UPDATE", None),
    ("audit_chain", "DELETE", None),
    (
        "audit_details",
        "UPDATE",
        f"NOT (NEW.trail = OLD.trail AND NEW.seq = OLD.seq AND {ERASING})",
    ),
    ("audit_details", "DELETE", None),
    ("audit_heads", "UPDATE", "NEW.trail <> OLD.trail OR NEW.seq < OLD.seq"),
    ("audit_heads", "DELETE", None),
)


def upgrade() -> None:
    op.create_table(
        "audit_chain",
        sa.Column("trail", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("who_digest", sa.LargeBinary(), nullable=False),
        sa.Column("what_digest", sa.LargeBinary(), nullable=False),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("trail", "seq", name=op.f("pk_audit_chain")),
    )
    op.create_table(
        "audit_details",
        sa.Column("trail", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("who_salt", sa.LargeBinary(), nullable=True),
        sa.Column("actor_id", sa.String(length=128), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=True),
        sa.Column("what_salt", sa.LargeBinary(), nullable=True),
        sa.Column("target", sa.String(length=128), nullable=True),
        sa.Column("detail", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("trail", "seq", name=op.f("pk_audit_details")),
    )
    op.create_table(
        "audit_heads",
        sa.Column("trail", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("trail", name=op.f("pk_audit_heads")),
    )
    _chain_what_there_is(op.get_bind())
    op.create_index("ix_audit_chain_at", "audit_chain", ["trail", "at_ms"])
    op.create_index("ix_audit_details_actor", "audit_details", ["trail", "actor_id", "seq"])
    op.create_index("ix_audit_details_target", "audit_details", ["trail", "target", "seq"])
    op.drop_table("audit")
    _guard(op.get_bind().dialect.name)


def _chain_what_there_is(conn: sa.Connection) -> None:
    """The entries from before, trail by trail in the order of their ids, in portions. What can be proved of
    them is that they haven't changed since."""
    trail, seq, prev_hash = "", 0, START
    for portion in _portions(conn):
        links, details, heads = [], [], {}
        for row in portion:
            if row.room_id != trail:
                trail, seq, prev_hash = row.room_id, 0, START
            seq += 1
            link, beside = _chained(row, seq, prev_hash)
            prev_hash = link["hash"]
            heads[trail] = {"trail": trail, "seq": seq, "hash": prev_hash}
            links.append(link)
            details.append(beside)
        conn.execute(CHAIN.insert(), links)
        conn.execute(DETAILS.insert(), details)
        conn.execute(HEADS.delete().where(HEADS.c.trail == sa.bindparam("of")), [{"of": t} for t in heads])
        conn.execute(HEADS.insert(), list(heads.values()))


def _portions(conn: sa.Connection) -> Iterator[list[sa.Row[Any]]]:
    query = sa.select(OLD).order_by(OLD.c.room_id, OLD.c.id).limit(PORTION)
    portion = conn.execute(query).all()
    while portion:
        yield list(portion)
        last = portion[-1]
        behind = sa.tuple_(OLD.c.room_id, OLD.c.id) > sa.tuple_(last.room_id, last.id)
        portion = conn.execute(query.where(behind)).all()


def _chained(row: sa.Row[Any], seq: int, prev_hash: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    who_salt, what_salt, detail = os.urandom(SALT_BYTES), os.urandom(SALT_BYTES), bytes(row.detail)
    by = "system" if not row.actor_id and row.actor_name == "system" else ""
    said = orjson.loads(detail)
    link = {
        "trail": row.room_id,
        "seq": seq,
        "id": row.id,
        "at_ms": row.at_ms,
        "action": row.action,
        "facts": facts_of(said if isinstance(said, dict) else {}, by),
        "who_digest": who_digest(who_salt, row.id, row.actor_id, row.actor_name),
        "what_digest": what_digest(what_salt, row.id, row.target, detail),
        "prev_hash": prev_hash,
    }
    link["hash"] = Link(**link, hash=b"").computed()
    details = {
        "trail": row.room_id,
        "seq": seq,
        "who_salt": who_salt,
        "actor_id": row.actor_id,
        "actor_name": row.actor_name,
        "what_salt": what_salt,
        "target": row.target,
        "detail": detail,
    }
    return link, details


def _guard(dialect: str) -> None:
    if dialect == "postgresql":
        op.execute(
            "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
        )
    for table, deed, when in GUARDS:
        name = f"{table}_no_{deed.lower()}"
        if dialect == "postgresql":
            only = f"WHEN ({when})" if when else ""
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {deed} ON {table} FOR EACH ROW {only} "
                "EXECUTE FUNCTION audit_refuse()"
            )
        else:
            only = f"WHEN {when.replace('IS NOT DISTINCT FROM', 'IS')}" if when else ""
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {deed} ON {table} {only} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
    if dialect == "postgresql":
        for table in ("audit_chain", "audit_details", "audit_heads"):
            op.execute(
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
                "EXECUTE FUNCTION audit_refuse()"
            )


def downgrade() -> None:
    """Back to one table. What was erased is empty there."""
    op.create_table(
        "audit",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("actor_id", sa.String(length=128), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("target", sa.String(length=128), nullable=False),
        sa.Column("detail", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    postgres = op.get_bind().dialect.name == "postgresql"
    columns: list[Any] = [CHAIN.c.id, CHAIN.c.trail, CHAIN.c.at_ms, CHAIN.c.action]
    columns += [sa.func.coalesce(DETAILS.c[name], "") for name in ("actor_id", "actor_name", "target")]
    nothing = sa.text(r"'\x7b7d'::bytea" if postgres else "X'7B7D'")  # {}
    columns.append(sa.func.coalesce(DETAILS.c.detail, nothing))
    same = (DETAILS.c.trail == CHAIN.c.trail) & (DETAILS.c.seq == CHAIN.c.seq)
    names = ["id", "room_id", "at_ms", "action", "actor_id", "actor_name", "target", "detail"]
    op.execute(
        OLD.insert().from_select(names, sa.select(*columns).select_from(CHAIN.outerjoin(DETAILS, same)))
    )
    op.create_index("ix_audit_room", "audit", ["room_id", "id"])
    for table in ("audit_chain", "audit_details", "audit_heads"):
        op.drop_table(table)
    if postgres:
        op.execute("DROP FUNCTION audit_refuse()")
