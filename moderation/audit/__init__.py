"""The audit trail: who did what to whom, written in the transaction of the deed, so that changes show.

Each room has a trail, and each seller has one, for what is done to products beyond any room; one more, whose
name is "", is for what is done everywhere. An entry is a link of its trail's hash chain (``chain``), which
commits to what it says of people without holding it; that lies beside it and can be erased.
"""

from moderation.audit.reading import Wanted, read_audit
from moderation.audit.tables import chain_table, details_table, heads_table
from moderation.audit.trail import AuditTrail, trail_of_seller

__all__ = [
    "AuditTrail",
    "Wanted",
    "chain_table",
    "details_table",
    "heads_table",
    "read_audit",
    "trail_of_seller",
]
