"""The payloads of the stage's commands."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from rooms.commands import Command, Keyed, UserId

Slot = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,16}$")]
Layout = Annotated[str, StringConstraints(pattern=r"^(?:host|side|grid|guest:[a-z0-9-]{1,16})$")]


class OwnPlace(Keyed):
    """The caller's own wish to come on stage, or place on it."""


class GuestRef(Keyed):
    user: UserId


class AnswerInvitation(Keyed):
    accept: bool


class SetLayout(Keyed):
    """``guest:`` and a slot: that guest's picture is the big one."""

    layout: Layout


class PublishToken(Command):
    """For the host's picture, or with ``slot`` for that of the guest who has it. Changes nothing: no key."""

    slot: Slot | None = None
