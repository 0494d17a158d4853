"""The names that people go by here: as their shop says, unless the filter objects."""

from __future__ import annotations

from dataclasses import replace

from rooms.ports import Caller
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
        name = self._texts.name_in(None, identity.name)
        if name == identity.name:
            return identity
        return replace(identity, name=name or nameless(identity.id), called=identity.name)

    def in_room(self, room_id: str, caller: Caller) -> Caller:
        """The caller by the name that a room shows, whose own lists may object to what others don't: in the
        same way. Quick: each name is judged once for each change of the lists. May raise ``Refused``
        (temporary) while the room's rules are being read."""
        if caller.id is None or caller.operator:
            return caller
        name = self._texts.name_in(room_id, caller.name)
        return caller if name == caller.name else replace(caller, name=name or nameless(caller.id))
