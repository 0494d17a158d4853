"""The settings of recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from server.config.fields import HttpUrl, Secret, SecretFile, Section

MIB, GIB = 1 << 20, 1 << 30

Bound = Annotated[int, Field(ge=MIB, le=1 << 60)] | None


class RecordingS3(Section):
    """A bucket of S3, or of what speaks like it. Without a ``bucket``, recordings stay in a folder."""

    bucket: str | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$")
    region: str = Field("us-east-1", min_length=1, max_length=64)
    endpoint: HttpUrl | None = None
    """Of what isn't Amazon's."""
    access_key_file: SecretFile | None = None
    access_key: Secret = None
    secret_key_file: SecretFile | None = None
    secret_key: Secret = None
    """Without them, those of the machine: its environment, its role."""
    prefix: str = Field("recordings", pattern=r"^[A-Za-z0-9._/-]{0,200}$")
    path_style: bool = True
    """The bucket in the address's path, not in its host."""
    timeout_s: float = Field(30, ge=1, le=600)
    spool_max_bytes: int = Field(4 * GIB, ge=64 * MIB, le=1 << 50)
    """What waits to be uploaded."""

    @model_validator(mode="after")
    def _both_keys_or_none(self) -> Self:
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("access_key: it goes with secret_key; give both, or neither")
        return self


class Recording(Section):
    """What is recorded, where to, and for how long it is kept."""

    default: Literal["on", "off"] = "off"
    """Whether streams are recorded in rooms that don't say."""
    public: bool = True
    """What a new recording is: shown to whoever may watch its room, or to its host only."""
    folder: Path | None = None
    """Without it, ``recordings`` in the data directory; where there is a bucket, what waits for it."""
    keep_days: int | None = Field(None, ge=1, le=36_500)
    room_max_bytes: Bound = None
    max_bytes: Bound = None
    """Of all rooms together."""
    min_free_bytes: int = Field(GIB, ge=0, le=1 << 50)
    """With less free on the disk, nothing more is recorded."""
    s3: RecordingS3 = Field(default_factory=RecordingS3)
