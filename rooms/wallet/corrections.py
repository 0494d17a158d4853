"""Corrections: what went wrong is put right by another movement, with a reason. Nothing is ever edited."""

from __future__ import annotations

from typing import Any

from rooms.errors import Refused
from rooms.heads import USERS
from rooms.ports import Audit, Caller, TextRules
from rooms.rows import Steps, new_id
from rooms.unit import Unit
from rooms.wallet import ledger
from rooms.wallet.news import tell_wallet
from rooms.wallet.rules import KINDS, Account

CORRECTABLE = ("wallet", "points", "earnings", "takings", "platform")
REASON_MAX_CHARS = 200
NO_ROOM = ""
"""In the audit trail: it was done to somebody everywhere, not in one room."""


class Corrections:
    def __init__(self, texts: TextRules, audit: Audit) -> None:
        self._texts = texts
        self._audit = audit

    def correct(self, tx: Unit, account: Account, amount: int, reason: str, caller: Caller) -> Steps[Any]:
        """Operator: add to somebody's account, or take from it (``amount`` below zero).

        Refuses with ``forbidden``, ``text_…``, ``too_many``, and if there isn't enough to take with
        ``insufficient_…``.
        """
        other = counterpart(account)
        yield ledger.accounts(account, other)
        yield USERS.rows(account.owner)
        require_operator(caller)
        reason = self._texts.clean(reason, REASON_MAX_CHARS)
        source, target = (other, account) if amount > 0 else (account, other)
        movement = ledger.pay(
            tx, "correction", new_id(), source, target, abs(amount), actor_id=caller.id, reason=reason
        )
        if account.kind in ("wallet", "points"):
            tell_wallet(tx, account.owner, movement, amount)
        detail = {"account": account.kind, "amount": amount, "reason": reason, "movement": movement.id}
        self._audit.note(tx, NO_ROOM, caller, "wallet.correct", account.owner, detail)
        return {"movement": movement.id, "balance": ledger.balance(tx, account)}


def counterpart(account: Account) -> Account:
    """Where a correction's coins or points come from, and go to."""
    kind = "correction" if KINDS[account.kind].unit == "coins" else "points_issued"
    return Account(kind, account.owner)


def require_operator(caller: Caller) -> None:
    """Raises ``Refused``: wallets are nobody else's business."""
    if caller.id is None and not caller.operator:
        raise Refused("unauthenticated")
    if not caller.operator:
        raise Refused("forbidden", "This needs a token with the claim operator.")
