"""Since when those are known who were there before that was written down

Bans of address ranges, and shields, go by it, and must not take everybody for a newcomer on the day after
this. What is known of somebody is the first of what they did here: said, bought, followed, earned, were told,
or (if nothing else) when they were last seen.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

# One pass over each table, and the users then by their key; a subquery for each user would be a seek in
# every room for each. Days are counted in the house's own time zone, in none of which one ends later than
# twelve hours after it does in UTC.
GATHER = """
    CREATE TEMPORARY TABLE first_known AS
    SELECT user_id, MIN(at_ms) AS at_ms FROM (
        SELECT id AS user_id, seen_at_ms AS at_ms FROM users WHERE since_ms = 0
        UNION ALL SELECT user_id, MIN(at_ms) FROM room_events WHERE user_id IS NOT NULL GROUP BY user_id
        UNION ALL SELECT user_id, MIN(at_ms) FROM user_events GROUP BY user_id
        UNION ALL SELECT buyer_id, MIN(created_at_ms) FROM orders GROUP BY buyer_id
        UNION ALL SELECT user_id, MIN(since_ms) FROM follows GROUP BY user_id
        UNION ALL SELECT user_id, (CAST(MIN(day) AS BIGINT) + 1) * 86400000 + 43200000
            FROM points_days GROUP BY user_id
        UNION ALL SELECT owner, at_ms FROM entries JOIN movements ON movements.id = entries.movement_id
            WHERE entries.seq = 1
    ) AS found
    WHERE at_ms > 0 GROUP BY user_id
"""
FILL = """
    UPDATE users SET since_ms = (SELECT at_ms FROM first_known WHERE first_known.user_id = users.id)
    WHERE since_ms = 0 AND id IN (SELECT user_id FROM first_known)
"""


def upgrade() -> None:
    op.execute(sa.text(GATHER))
    op.execute(sa.text("CREATE INDEX ix_first_known ON first_known (user_id)"))
    op.execute(sa.text(FILL))
    op.execute(sa.text("DROP TABLE first_known"))


def downgrade() -> None:
    """What is known now isn't wrong before."""
