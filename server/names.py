"""The names that people go by here: as their shop says, unless the filter objects."""

from __future__ import annotations

from dataclasses import replace

from rooms.ports import About
from server.auth import Identity
from server.auth.claims import nameless
from server.texts import Texts


class Names:
    """Gives who signs in a name that everybody may see: the same in logs, badges and lists. One with a few
    stars in it, or, where a name is an insult as a whole, says where to buy, or would have to wait for
    somebody to look at it, a neutral one. What the shop calls them is in ``Identity.called``."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def shown(self, identity: Identity) -> Identity:
        """The identity with the name to show. Operators' names, and guests, are left alone."""
        if identity.id is None or identity.operator:
            return identity
        checked = self._texts.judge(identity.name, About("name", None, identity.id))
        if checked.verdict == "allow":
            return identity
        name = checked.text if checked.verdict == "mask" else nameless(identity.id)
        return replace(identity, name=name, called=identity.name)
