"""All settings of a node, one frozen object, checked against each other."""

from __future__ import annotations

import re
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from server.config.hearing import Hearing
from server.config.recording import Recording
from server.config.sections import (
    Auth,
    Avatars,
    Bus,
    Coins,
    Gifts,
    Limits,
    Listen,
    Log,
    Media,
    Moderation,
    Node,
    Outbound,
    Payments,
    Points,
    Rooms,
    Store,
    Webhooks,
)
from server.config.vision import Vision


class Settings(BaseSettings):
    """The settings. ``Settings(...)`` takes what it is given and reads nothing else: ``load`` does that."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="DANMART_",
        env_nested_delimiter="__",
        hide_input_in_errors=True,
    )

    listen: Listen = Field(default_factory=Listen)
    limits: Limits = Field(default_factory=Limits)
    node: Node = Field(default_factory=Node)
    store: Store = Field(default_factory=Store)
    bus: Bus = Field(default_factory=Bus)
    auth: Auth = Field(default_factory=Auth)
    rooms: Rooms = Field(default_factory=Rooms)
    avatars: Avatars = Field(default_factory=Avatars)
    media: Media = Field(default_factory=Media)
    recording: Recording = Field(default_factory=Recording)
    moderation: Moderation = Field(default_factory=Moderation)
    payments: Payments = Field(default_factory=Payments)
    coins: Coins = Field(default_factory=Coins)
    gifts: Gifts = Field(default_factory=Gifts)
    points: Points = Field(default_factory=Points)
    outbound: Outbound = Field(default_factory=Outbound)
    webhooks: Webhooks = Field(default_factory=Webhooks)
    vision: Vision = Field(default_factory=Vision)
    hearing: Hearing = Field(default_factory=Hearing)
    log: Log = Field(default_factory=Log)
    demo: bool = False
    demo_public: bool = False

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)

    @model_validator(mode="after")
    def _demo_stays_at_home(self) -> Self:
        if self.demo_public and not self.demo:
            raise ValueError(
                "demo_public: it says how far the demo reaches, and demo is off; turn demo on too"
            )
        if self.demo and self.listen.is_public and not self.demo_public:
            raise ValueError(
                "listen.host: the demo hands out host rights, so it listens on 127.0.0.1 only, not"
                f" {self.listen.host}; set demo_public to show it to others (as viewers)"
            )
        return self

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL of the store, with our driver in it. May hold a password: not for logs."""
        if self.store.url is not None:
            url = self.store.url.get_secret_value()
            return re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url)
        return f"sqlite:///{self.node.data_dir / 'danmart.db'}"

    @property
    def redis_url(self) -> str | None:
        """The bus's address, or None on a single node. May hold a password: not for logs."""
        return self.bus.redis_url.get_secret_value() if self.bus.redis_url else None

    @property
    def include_loopback(self) -> bool:
        """Whether media candidates contain 127.0.0.1."""
        chosen = self.media.include_loopback
        return not self.listen.is_public if chosen is None else chosen
