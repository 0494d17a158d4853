"""Products belong to sellers, have variants, and stand on the shelves of several rooms"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0010"
branch_labels = None
depends_on = None

PINS_MAX = 3


def upgrade() -> None:
    op.create_table(
        "shelf",
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("product_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("pinned", sa.BigInteger(), nullable=True),
        sa.Column("explaining", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("room_id", "product_id", name=op.f("pk_shelf")),
    )
    op.create_index(op.f("ix_shelf_product_id"), "shelf", ["product_id"])
    op.execute(
        "INSERT INTO shelf (room_id, product_id, position, explaining)"
        " SELECT room_id, id, position, 0 FROM products WHERE removed = 0"
    )
    _pin_what_is_pinned()
    _products()
    _skus()
    op.execute(
        "CREATE VIEW offers AS SELECT shelf.room_id, shelf.product_id, products.title"
        " FROM shelf JOIN products ON products.id = shelf.product_id"
    )


def _products() -> None:
    op.add_column("products", sa.Column("seller_id", sa.String(128), nullable=False, server_default=""))
    op.add_column("products", sa.Column("external_id", sa.String(128), nullable=True))
    op.add_column("products", sa.Column("category", sa.Text(), nullable=False, server_default=""))
    op.add_column("products", sa.Column("description", sa.Text(), nullable=False, server_default=""))
    op.add_column("products", sa.Column("pictures", sa.LargeBinary(), nullable=False, server_default="[]"))
    op.execute(
        "UPDATE products SET seller_id ="
        " COALESCE((SELECT host_id FROM rooms WHERE rooms.id = products.room_id), '')"
    )
    # The names of pictures are Danmart's own: nothing in them needs escaping in JSON.
    as_list = """'["' || picture || '"]'"""
    postgres = op.get_bind().dialect.name == "postgresql"
    as_bytes = f"convert_to({as_list}, 'UTF8')" if postgres else f"CAST({as_list} AS BLOB)"
    empty = "convert_to('[]', 'UTF8')" if postgres else "CAST('[]' AS BLOB)"
    op.execute(
        f"UPDATE products SET pictures = CASE WHEN picture IS NULL THEN {empty} ELSE {as_bytes} END"  # noqa: S608
    )
    op.drop_index("ix_products_room", table_name="products")
    for column in ("room_id", "picture", "position", "removed"):
        op.drop_column("products", column)
    op.create_index("ix_products_seller", "products", ["seller_id", "id"])
    op.create_index("ux_products_external", "products", ["seller_id", "external_id"], unique=True)


def _skus() -> None:
    op.add_column("skus", sa.Column("seller_id", sa.String(128), nullable=False, server_default=""))
    op.add_column("skus", sa.Column("external_id", sa.String(128), nullable=True))
    op.add_column("skus", sa.Column("position", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("skus", sa.Column("version", sa.BigInteger(), nullable=False, server_default="1"))
    op.execute(
        "UPDATE skus SET seller_id ="
        " COALESCE((SELECT seller_id FROM products WHERE products.id = skus.product_id), '')"
    )
    op.drop_index("ix_skus_room_id", table_name="skus")
    op.drop_column("skus", "room_id")
    op.create_index("ux_skus_external", "skus", ["seller_id", "external_id"], unique=True)


def _pin_what_is_pinned() -> None:
    """Pins were in the rooms' logs only: the latest of each room that still hold."""
    conn = op.get_bind()
    log = sa.table("room_events", *map(sa.column, ("room_id", "epoch", "offset", "kind", "body")))
    rooms = sa.table("rooms", sa.column("id"), sa.column("epoch"))
    shelf = sa.table("shelf", *map(sa.column, ("room_id", "product_id", "pinned")))
    query = (
        sa.select(log.c.room_id, log.c.offset, log.c.kind, log.c.body)
        .join(rooms, (rooms.c.id == log.c.room_id) & (rooms.c.epoch == log.c.epoch))
        .where(log.c.kind.in_(["product.pinned", "product.unpinned", "product.removed"]))
        .order_by(log.c.room_id, log.c.offset)
    )
    pinned: dict[str, dict[str, int]] = {}
    for room_id, offset, kind, body in conn.execute(query):
        product = json.loads(bytes(body))["data"]["id"]
        of_room = pinned.setdefault(room_id, {})
        of_room.pop(product, None)
        if kind == "product.pinned":
            of_room[product] = offset
            if len(of_room) > PINS_MAX:
                del of_room[next(iter(of_room))]
    for room_id, of_room in pinned.items():
        for product, offset in of_room.items():
            which = (shelf.c.room_id == room_id) & (shelf.c.product_id == product)
            conn.execute(sa.update(shelf).where(which).values(pinned=offset))


def downgrade() -> None:
    """A product goes back to one of the rooms that show it; one that none shows is lost to its rooms."""
    op.execute("DROP VIEW offers")
    op.drop_index("ux_skus_external", table_name="skus")
    op.add_column("skus", sa.Column("room_id", sa.String(64), nullable=False, server_default=""))
    op.add_column("products", sa.Column("room_id", sa.String(64), nullable=False, server_default=""))
    op.add_column("products", sa.Column("picture", sa.String(300), nullable=True))
    op.add_column("products", sa.Column("position", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("products", sa.Column("removed", sa.Integer(), nullable=False, server_default="1"))
    op.execute(
        "UPDATE products SET removed = 0,"
        " room_id = (SELECT MIN(room_id) FROM shelf WHERE product_id = products.id),"
        " position = (SELECT MIN(position) FROM shelf WHERE product_id = products.id)"
        " WHERE id IN (SELECT product_id FROM shelf)"
    )
    op.execute(
        "UPDATE skus SET room_id ="
        " COALESCE((SELECT room_id FROM products WHERE products.id = skus.product_id), '')"
    )
    _first_pictures()
    op.drop_index("ux_products_external", table_name="products")
    op.drop_index("ix_products_seller", table_name="products")
    for column in ("pictures", "description", "category", "external_id", "seller_id"):
        op.drop_column("products", column)
    for column in ("version", "position", "external_id", "seller_id"):
        op.drop_column("skus", column)
    op.create_index("ix_products_room", "products", ["room_id", "position"])
    op.create_index("ix_skus_room_id", "skus", ["room_id"])
    op.drop_table("shelf")


def _first_pictures() -> None:
    conn = op.get_bind()
    products = sa.table("products", *map(sa.column, ("id", "picture", "pictures")))
    for product_id, pictures in conn.execute(sa.select(products.c.id, products.c.pictures)).all():
        if names := json.loads(bytes(pictures)):
            conn.execute(sa.update(products).where(products.c.id == product_id).values(picture=names[0]))
