"""The settings of the checks of pictures."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from media.checks.loading import NAMED
from media.vision.checkers import LOOKS_AT_NOTHING, NUDENET, NUDENET_CLASSES, is_installed
from media.vision.rules import OTHERS
from server.config.fields import HttpUrl, Secret, SecretFile, Section
from server.signing import secret_key

HOOK = "hook"
Score = Annotated[float, Field(gt=0, le=1)]


def _checker(value: str) -> str:
    if value not in (LOOKS_AT_NOTHING, NUDENET, HOOK) and not NAMED.fullmatch(value):
        raise ValueError("should be none, nudenet, hook, or module:factory")
    if value != HOOK and not is_installed(value):
        more = ": install danmart[vision]" if value == NUDENET else ""
        raise ValueError(f"{value} isn't installed here{more}")
    return value


class Vision(Section):
    """What looks at streams and at pictures that are uploaded, how often, and what counts as a hit."""

    checker: Annotated[str, AfterValidator(_checker)] = LOOKS_AT_NOTHING
    every_s: float = Field(5, ge=0.5, le=300)
    classes: dict[str, Score] | None = Field(None, min_length=1, max_length=200)
    """From which score on a class hits; ``*``: those that aren't named."""
    hits: int = Field(2, ge=1, le=20)
    of: int = Field(3, ge=1, le=20)
    calm: int = Field(6, ge=1, le=1000)
    """Clean frames in a row until a picture is no longer blurred."""
    quiet_s: int = Field(600, ge=0, le=86_400)
    """For how long hits lead to nothing after a moderator has cleared a picture."""
    refuse_s: int = Field(60, ge=0, le=86_400)
    """For how long nobody may publish again what was interrupted."""
    cpu_max: float = Field(0.5, ge=0.01, le=1)
    memory_max_bytes: int = Field(1 << 30, ge=1 << 28, le=1 << 36)
    timeout_s: float = Field(2, ge=0.1, le=30)
    """Of the processor; a picture that takes more, or five times as long, costs the worker its life."""
    uploads: Literal["refuse", "accept"] = "refuse"
    """What becomes of a picture that is uploaded while the checker is away."""
    late_per_min: int = Field(60, ge=0, le=6000)
    """So many stored pictures that nobody has looked at are looked at in a minute; 0: none."""
    stills_h: int = Field(24, ge=1, le=720)
    hook_url: HttpUrl | None = None
    hook_secret_file: SecretFile | None = None
    hook_secret: Secret = None
    hook_timeout_s: float = Field(1.5, ge=0.05, le=30)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.checker == HOOK and (self.hook_url is None or self.hook_secret is None):
            raise ValueError("hook_url, hook_secret: the checker is the hook and needs both")
        if self.hook_secret is not None:
            try:
                secret_key(self.hook_secret.get_secret_value())
            except ValueError as error:
                raise ValueError(f"hook_secret: {error}") from None
        if self.hits > self.of:
            raise ValueError("hits: no more than of, the frames among which they are counted")
        return self

    @property
    def is_on(self) -> bool:
        return self.checker != LOOKS_AT_NOTHING

    @property
    def thresholds(self) -> dict[str, float]:
        """The classes that hit: as set, or those that the checker usually goes by."""
        if self.classes is not None:
            return dict(self.classes)
        return dict(NUDENET_CLASSES) if self.checker == NUDENET else {OTHERS: 0.5}
