"""The settings of the checks of sound."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from media.checks.findings import OTHERS
from media.checks.loading import CHECKS_NOTHING, NAMED
from media.hearing.checkers import is_installed
from server.config.fields import HttpUrl, Secret, SecretFile, Section
from server.config.vision import HOOK, Score
from server.signing import secret_key


def _checker(value: str) -> str:
    if value not in (CHECKS_NOTHING, HOOK) and not NAMED.fullmatch(value):
        raise ValueError("should be none, hook, or module:factory")
    if value != HOOK and not is_installed(value):
        raise ValueError(f"{value} isn't installed here")
    return value


class Hearing(Section):
    """What listens to streams, how much of them, and what counts as a hit."""

    checker: Annotated[str, AfterValidator(_checker)] = CHECKS_NOTHING
    every_s: float = Field(15, ge=2, le=600)
    """From one window's beginning to the next one's."""
    window_s: float = Field(15, ge=1, le=30)
    """As long as ``every_s``: all is listened to."""
    lead_s: float = Field(4, ge=0, le=10)
    """Of what came right before, each window has so much: a phone number that is being read out takes about
    as long."""
    labels: dict[str, Score] | None = Field(None, min_length=1, max_length=200)
    """From which score on a label hits; ``*``: those that aren't named."""
    quiet_s: int = Field(600, ge=0, le=86_400)
    """For how long hits lead to nothing after a moderator has cleared a stream's sound."""
    refuse_s: int = Field(60, ge=0, le=86_400)
    """For how long nobody may publish again what was interrupted."""
    keep: bool = True
    """Whether moderators can listen to what hit."""
    sounds_h: int = Field(24, ge=1, le=720)
    cpu_max: float = Field(0.5, ge=0.01, le=1)
    memory_max_bytes: int = Field(1 << 30, ge=1 << 28, le=1 << 36)
    timeout_s: float = Field(5, ge=0.1, le=60)
    """Of the processor; a window that takes more, or five times as long, costs the worker its life."""
    hook_url: HttpUrl | None = None
    hook_secret_file: SecretFile | None = None
    hook_secret: Secret = None
    hook_timeout_s: float = Field(10, ge=0.05, le=60)
    hook_concurrent: int = Field(4, ge=1, le=16)
    """Windows that the hook is asked about at the same time."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.checker == HOOK and (self.hook_url is None or self.hook_secret is None):
            raise ValueError("hook_url, hook_secret: the checker is the hook and needs both")
        if self.hook_secret is not None:
            try:
                secret_key(self.hook_secret.get_secret_value())
            except ValueError as error:
                raise ValueError(f"hook_secret: {error}") from None
        if self.window_s > self.every_s:
            raise ValueError("window_s: no more than every_s; lead_s makes windows overlap")
        return self

    @property
    def is_on(self) -> bool:
        return self.checker != CHECKS_NOTHING

    @property
    def thresholds(self) -> dict[str, float]:
        """The labels that hit, by their least scores."""
        return dict(self.labels) if self.labels is not None else {OTHERS: 0.5}
