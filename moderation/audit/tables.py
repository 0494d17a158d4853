"""The tables of the audit trails.

What a trail proves and whom it tells of lie apart: ``audit_chain`` has the links, which nothing may change,
``audit_details`` what they say of people, of which either half can be erased and nothing else can be done.
The database itself refuses the rest, by triggers that the migrations make.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, String, Table, Text, text

from rooms.schema import metadata

TRAIL_CHARS = 64

chain_table = Table(
    "audit_chain",
    metadata,
    Column("trail", String(TRAIL_CHARS), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("id", String(36), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("action", String(32), nullable=False),
    Column("facts", Text, nullable=False),
    Column("who_digest", LargeBinary, nullable=False),
    Column("what_digest", LargeBinary, nullable=False),
    Column("prev_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Index("ix_audit_chain_at", "trail", "at_ms"),
    Index("ix_audit_chain_time", "at_ms"),
    # Verifying asks for a trail's erasures first, of which there are few among many entries.
    Index(
        "ix_audit_chain_erasures",
        "trail",
        "seq",
        sqlite_where=text("action = 'audit.erase'"),
        postgresql_where=text("action = 'audit.erase'"),
    ),
)

details_table = Table(
    "audit_details",
    metadata,
    Column("trail", String(TRAIL_CHARS), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    # Who did it: all three, or none when it is erased.
    Column("who_salt", LargeBinary),
    Column("actor_id", String(128)),
    Column("actor_name", Text),
    # To whom or what, and what there is to say of it: likewise.
    Column("what_salt", LargeBinary),
    Column("target", String(128)),
    Column("detail", LargeBinary),
    Index("ix_audit_details_actor", "trail", "actor_id", "seq"),
    Index("ix_audit_details_target", "trail", "target", "seq"),
)

heads_table = Table(
    "audit_heads",
    metadata,
    Column("trail", String(TRAIL_CHARS), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)
