"""The payloads of the recordings' commands."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rooms.commands import Keyed, RawText


class RecordStream(Keyed):
    """``recording.start`` and ``recording.stop``: the stream that is live in the room."""


class ChangeRecording(BaseModel):
    """What can be changed of a recording. ``keep_days`` from now, None: as the settings say; ``kept``: for
    good."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    title: RawText | None = None
    public: bool | None = None
    kept: bool | None = None
    keep_days: Annotated[int, Field(ge=1, le=36_500)] | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("give at least one of: title, public, kept, keep_days")
        return self
