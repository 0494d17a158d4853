"""The sections of the settings, one a concern. Bounds are what makes sense, not what is just possible."""

from __future__ import annotations

import os
import re
import socket
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, IPvAnyAddress, IPvAnyNetwork, SecretStr, model_validator

from rooms.points.rules import LEVELS
from server.config.fields import (
    HttpUrl,
    NodeName,
    Port,
    Secret,
    SecretFile,
    Section,
    TimeZone,
    TurnUrl,
    WebOrigin,
)
from server.signing import shared_key

HMAC_SECRET_MIN_BYTES = 32
"""HS256 needs a key at least as long as its hash (RFC 7518, 3.2)."""


def is_loopback(host: str) -> bool:
    """Whether a listening address can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _default_node_name() -> str:
    host = re.sub(r"[^A-Za-z0-9-]+", "-", socket.gethostname()).strip("-") or "node"
    return f"{host[:40]}-{os.getpid()}"


def _long_enough(secret: SecretStr | None) -> SecretStr | None:
    if secret is not None and len(secret.get_secret_value().encode()) < HMAC_SECRET_MIN_BYTES:
        raise ValueError(
            f"is shorter than {HMAC_SECRET_MIN_BYTES} bytes: make one with `openssl rand -hex 32`"
        )
    return secret


LongSecret = Annotated[Secret, AfterValidator(_long_enough)]


class Listen(Section):
    """Where the node can be reached. A port of 0 means: pick a free one and say which."""

    host: str = Field("127.0.0.1", min_length=1)
    port: Port = 8080
    udp_host: IPvAnyAddress | None = None
    """The address of the UDP port; None: all of both families, or loopback if the HTTP port is there."""
    udp_port: Port = 0
    internal_host: str | None = None
    internal_port: Port | None = None
    internal_url: WebOrigin | None = None
    """How other nodes reach the internal port; if it isn't said, by the address that it is bound to."""
    trusted_proxies: tuple[IPvAnyNetwork, ...] = ()
    public_url: WebOrigin | None = None
    embed_origins: tuple[WebOrigin, ...] = ()
    """Sites that may show our pages in a frame of theirs."""
    transports: tuple[Literal["websocket", "polling"], ...] = Field(("websocket", "polling"), min_length=1)
    """Of Socket.IO. Polling wants all requests of a connection at one node: leave it out with several."""
    port_shared: bool = False
    """Share the HTTP port with other processes of this machine, as the workers do (SO_REUSEPORT)."""
    max_body_bytes: int = Field(1_048_576, ge=65_536, le=67_108_864)

    @property
    def is_public(self) -> bool:
        """Whether other machines can reach the HTTP port."""
        return not is_loopback(self.host)


class Limits(Section):
    """What one connection, person or address may take of a node. Each node counts for itself."""

    connections_per_address: int = Field(1000, ge=1, le=1_000_000)
    """Socket.IO connections; a site of IPv6 (/64) counts as one address."""
    connections_per_user: int = Field(50, ge=1, le=1_000_000)
    commands_per_connection: int = Field(100, ge=1, le=1_000_000)
    commands_per_user: int = Field(200, ge=1, le=1_000_000)
    commands_per_address: int = Field(10_000, ge=1, le=100_000_000)
    """Whole offices and mobile networks are one address."""
    commands_window_s: float = Field(5, ge=0.1, le=3600)
    command_max_bytes: int = Field(65_536, ge=16_384, le=196_608)
    """No more than a message may have: beyond that the connection is closed."""
    loop_lag_max_s: float = Field(0.25, ge=0.05, le=60)
    """A node whose event loop is further behind turns newcomers away."""


Role = Literal["gateway", "media"]


class Node(Section):
    """This process: its files, its name, its secret, its goodbye."""

    data_dir: Path = Path("data")
    name: NodeName = Field(default_factory=_default_node_name)
    roles: tuple[Role, ...] = Field(("gateway", "media"), min_length=1)
    """``gateway`` talks to people (API, Socket.IO, pages, timed work), ``media`` has the picture: apart,
    forwarding and answering don't share a loop. A node without ``media`` binds no UDP port, and passes
    publishers and viewers on to one with it."""
    drain_s: float = Field(10, ge=0, le=600)
    metrics_token_file: SecretFile | None = None
    metrics_token: Secret = None
    secret_file: SecretFile | None = None
    secret: LongSecret = None

    @property
    def is_gateway(self) -> bool:
        """Whether people talk to it."""
        return "gateway" in self.roles

    @property
    def has_media(self) -> bool:
        """Whether pictures go through it."""
        return "media" in self.roles


class Store(Section):
    """The database; without a ``url``, SQLite in the data directory."""

    url_file: SecretFile | None = None
    url: Secret = None
    group_max: int = Field(256, ge=1, le=4096)
    queue_max: int = Field(10_000, ge=100, le=1_000_000)

    @model_validator(mode="after")
    def _a_database_we_speak(self) -> Self:
        if self.url is not None and not re.match(
            r"(sqlite|postgres|postgresql\+psycopg|postgresql)://", self.url.get_secret_value()
        ):
            raise ValueError("url: should begin with sqlite:/// or postgresql://")
        return self


class Bus(Section):
    """How nodes tell each other of news; without ``redis_url`` there is one node."""

    redis_url_file: SecretFile | None = None
    redis_url: Secret = None
    prefix: str = Field("danmart", pattern=r"^[A-Za-z0-9_.-]{1,40}$")
    """What the names of all keys and channels begin with: two deployments may share one Redis."""

    @model_validator(mode="after")
    def _an_address_redis_takes(self) -> Self:
        if self.redis_url is not None and not re.match(
            r"(rediss?|unix)://", self.redis_url.get_secret_value()
        ):
            raise ValueError("redis_url: should begin with redis://, rediss:// or unix://")
        return self


class AuthKey(Section):
    """One key of an integrator's: whose tokens it signs, for whom, by which algorithm and no other."""

    kid: str | None = Field(None, min_length=1, max_length=128)
    alg: Literal["HS256", "EdDSA", "RS256"]
    issuer: str = Field(min_length=1, max_length=200)
    audience: str = Field(min_length=1, max_length=200)
    secret_file: SecretFile | None = None
    secret: LongSecret = None
    public_key_file: SecretFile | None = None
    public_key: Secret = None
    jwks_url: str | None = Field(None, pattern=r"^https?://")

    @model_validator(mode="after")
    def _material_fits_algorithm(self) -> Self:
        if self.alg == "HS256":
            if self.secret is None or self.public_key is not None or self.jwks_url is not None:
                raise ValueError("HS256 takes secret (or secret_file) and nothing else")
        elif self.secret is not None or (self.public_key is None) == (self.jwks_url is None):
            raise ValueError(
                f"{self.alg} takes either public_key (or public_key_file) or jwks_url, and no secret"
            )
        return self


class Auth(Section):
    """Whose tokens are believed."""

    keys: tuple[AuthKey, ...] = ()
    leeway_s: int = Field(30, ge=0, le=300)

    @model_validator(mode="after")
    def _keys_can_be_told_apart(self) -> Self:
        names = [(key.kid, key.issuer) for key in self.keys]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise ValueError(
                    f"keys.{index}: another key has the same issuer and kid; give each key a kid of its own"
                )
        return self


class Rooms(Section):
    """Limits inside rooms. Rates are per person unless they say otherwise."""

    hold_s: int = Field(300, ge=1, le=86_400)
    comments_per_10s: int = Field(10, ge=1, le=100_000)
    likes_per_s: int = Field(20, ge=1, le=1000)
    shown_comments_per_s: int = Field(20, ge=1, le=100_000)
    """For a whole room: what its viewers can read."""
    rooms_max: int = Field(1000, ge=1, le=1_000_000)
    products_max: int = Field(200, ge=1, le=10_000)
    """On a room's shelf."""
    skus_max: int = Field(1000, ge=1, le=50_000)
    """Of all products on a room's shelf together: all of them are in the snapshot that newcomers get."""
    pictures_max: int = Field(2000, ge=1, le=1_000_000)
    """Uploaded for a room."""
    recovered_events_max: int = Field(1000, ge=10, le=100_000)
    """Who has missed more than this gets a snapshot."""
    guests_max: int = Field(3, ge=0, le=15)
    """On a room's stage beside the host; 0: nobody may come."""
    guests_waiting_max: int = Field(20, ge=1, le=200)
    """Who have asked to come on stage, or are invited."""
    pictures_max_bytes: int = Field(5_242_880, ge=65_536, le=52_428_800)
    shield_followed_for_s: int = Field(600, ge=0, le=7_776_000)
    """While a room's shield is up: for how long one must have followed the host in order to comment."""
    shield_slow_mode_s: int = Field(30, ge=0, le=3600)
    shield_newcomer_s: int = Field(3600, ge=0, le=2_592_000)
    """Accounts that were first seen more recently are held for a moderator; 0: none."""
    shield_hold_first: bool = True
    """Whether first comments are held: those of people whom the room was never shown before."""
    shield_filter_level: int = Field(4, ge=0, le=4)
    """What all categories of the filter are raised to."""


class Avatars(Section):
    """People's own pictures."""

    enabled: bool = True
    """Whether new ones are taken. Those that there are stay."""
    max_bytes: int = Field(5_242_880, ge=65_536, le=52_428_800)
    per_hour: int = Field(6, ge=1, le=1000)
    """For each person."""
    removed_h: int = Field(24, ge=0, le=8760)
    """For how long nobody whose picture a moderator has removed may choose another one."""
    replaced_h: int = Field(24, ge=0, le=8760)
    """For how long a picture stays beside old comments when its owner has chosen another one."""


class MediaTurn(Section):
    """TURN servers that publishers and viewers are told of."""

    urls: tuple[TurnUrl, ...] = ()
    secret_file: SecretFile | None = None
    secret: Secret = None
    """What coturn calls static-auth-secret."""
    lifetime_s: int = Field(43_200, ge=300, le=604_800)
    """How long the credentials of one session hold."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.urls) != (self.secret is not None):
            raise ValueError("urls and secret: give both, or neither")
        return self


class Ladder(Section):
    """Smaller sizes of a stream, transcoded here: what that costs is in docs/operations.md."""

    rooms: tuple[Annotated[str, Field(pattern=r"^(\*|[a-z0-9][a-z0-9_-]{0,63})$")], ...] = ()
    """Whose streams are transcoded; ``*``: everybody's."""
    heights: tuple[Annotated[int, Field(ge=144, le=1080, multiple_of=2)], ...] = Field(
        (720, 360), min_length=1, max_length=4
    )
    """In pixels; those below the source's are made."""
    rooms_max: int = Field(1, ge=1, le=64)
    """At a time on a node, each with a thread of its own."""


class Rtmp(Section):
    """RTMP in, for encoders that don't know WHIP."""

    port: int | None = Field(None, ge=0, le=65535)
    """None: off."""
    publishers_max: int = Field(50, ge=1, le=10_000)
    """Connections at once on this node."""


class Media(Section):
    """Picture and sound."""

    turn: MediaTurn = Field(default_factory=MediaTurn)

    announced_addresses: tuple[IPvAnyAddress, ...] = ()
    include_loopback: bool | None = None
    """Whether 127.0.0.1 is offered as a candidate; None: when the node listens on loopback."""
    grace_s: float = Field(30, ge=0, le=3600)
    whep_capacity: int = Field(100, ge=0, le=10_000)
    busy_max: float = Field(0.9, ge=0.1, le=1)
    """The share of a core that the event loop may take before further WebRTC viewers are refused."""
    dvr_s: int = Field(60, ge=12, le=14_400)
    dvr_max_bytes: int = Field(67_108_864, ge=16_777_216, le=17_179_869_184)
    """Of one stream in one size, kept in memory; when it is full the oldest go, whatever ``dvr_s`` says."""
    part_ms: int = Field(250, ge=100, le=333)
    ladder: Ladder = Field(default_factory=Ladder)
    rtmp: Rtmp = Field(default_factory=Rtmp)


class Hook(Section):
    """A service of the shop's that is asked about comments before they are shown."""

    url: HttpUrl | None = None
    secret_file: SecretFile | None = None
    secret: LongSecret = None
    """Shared with the service: requests are signed with it as webhooks are."""
    timeout_ms: int = Field(200, ge=10, le=200)
    """Connecting, asking and reading the answer, all in all."""
    fallback: Literal["allow", "deny"] = "allow"
    """What becomes of a comment about which there is no answer in time."""
    concurrent: int = Field(32, ge=1, le=500)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.url is None) != (self.secret is None):
            raise ValueError("url and secret (or secret_file): both or neither")
        return self


class Moderation(Section):
    """Word lists beside those that come with Danmart, who else is asked about comments, how long and how many
    of them may wait for a moderator, and how long trails tell of people."""

    word_lists: tuple[Path, ...] = ()
    hook: Hook = Field(default_factory=Hook)
    audit_details_days: int | None = Field(default=None, ge=1, le=3650)
    """After this many days what the audit trails say of people is erased; None: never."""
    audit_verify_every_s: int = Field(default=86_400, ge=0, le=31 * 86_400)
    """From the end of a verification of all trails in the background to the next one; 0: none."""
    held_s: int = Field(default=900, ge=60, le=86_400)
    held_per_user: int = Field(default=3, ge=1, le=100)
    held_per_room: int = Field(default=500, ge=1, le=10_000)
    review_kept_days: int = Field(default=90, ge=1, le=3650)


class Pack(Section):
    """Coins, and what they cost in money."""

    id: str = Field(pattern=r"^[a-z0-9_-]{1,32}$")
    coins: int = Field(ge=1, le=10**9)
    price_minor: int = Field(ge=1, le=10**11)
    currency: str = Field(pattern=r"^[A-Z]{3}$")


def _usual_packs() -> tuple[Pack, ...]:
    sizes = (60, 300, 980, 2_980, 6_480)
    return tuple(
        Pack(id=f"coins-{coins}", coins=coins, price_minor=coins * 10, currency="CNY") for coins in sizes
    )


CurrencyCode = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Worth = Annotated[int, Field(ge=1, le=10**11)]


class Coins(Section):
    """What coins cost, what they are worth, and whose they become."""

    packs: tuple[Pack, ...] = Field(default_factory=_usual_packs)
    """What a viewer can buy. Leave them empty, and coins come from corrections only."""
    worth_minor: dict[CurrencyCode, Worth] = Field(default_factory=lambda: {"CNY": 1000})
    """By currency, what a hundred coins are worth when an order is paid with coins, in its minor unit."""
    share_percent: int = Field(50, ge=0, le=100)
    """Of what a host is given, the platform's; rounded down, so that the host has the odd coin."""
    payout_min: int = Field(100, ge=1, le=10**9)

    @model_validator(mode="after")
    def _packs_can_be_told_apart(self) -> Self:
        if len({pack.id for pack in self.packs}) != len(self.packs):
            raise ValueError("packs: each id once")
        return self


class Payments(Section):
    """Who takes the money."""

    providers: tuple[Literal["sandbox", "external", "stripe", "coins"], ...] = ("sandbox", "coins")
    """Those that are on, the usual one first. The sandbox takes none, and says that it has; ``coins`` takes
    them out of the buyer's wallet."""
    external_url: HttpUrl | None = None
    external_refund_url: HttpUrl | None = None
    external_status_url: HttpUrl | None = None
    external_secret_file: SecretFile | None = None
    external_secret: LongSecret = None
    """Shared with the shop, which signs its callbacks with it and is sent signed orders."""
    stripe_secret_key_file: SecretFile | None = None
    stripe_secret_key: Secret = None
    stripe_webhook_secret_file: SecretFile | None = None
    stripe_webhook_secret: Secret = None
    stripe_api_base: HttpUrl = "https://api.stripe.com"

    @model_validator(mode="after")
    def _what_is_on_is_whole(self) -> Self:
        needed = {
            "external": ("external_url", "external_refund_url", "external_secret"),
            "stripe": ("stripe_secret_key", "stripe_webhook_secret"),
        }
        for provider in self.providers:
            for name in needed.get(provider, ()):
                if getattr(self, name) is None:
                    raise ValueError(f"{name}: {provider} is one of the providers and needs it")
        if self.external_secret is not None:
            try:
                key = shared_key(self.external_secret.get_secret_value())
            except ValueError as error:
                raise ValueError(f"external_secret: {error}") from None
            if len(key) < HMAC_SECRET_MIN_BYTES:
                raise ValueError(f"external_secret: is shorter than {HMAC_SECRET_MIN_BYTES} bytes, decoded")
        if len(set(self.providers)) != len(self.providers):
            raise ValueError("providers: each at most once")
        return self


class Gifts(Section):
    """What is given to hosts, and what makes somebody a fan."""

    banner_coins: int = Field(500, ge=1, le=10**9)
    fan_per_coin: int = Field(1, ge=0, le=1000)
    fan_per_minute: int = Field(1, ge=0, le=1000)
    fan_per_comment: int = Field(2, ge=0, le=1000)
    fan_minutes_a_day: int = Field(120, ge=0, le=1440)
    fan_comments_a_day: int = Field(10, ge=0, le=1000)


class Points(Section):
    """What earns points, how many, and how often a day. What gives 0 points isn't asked of anybody."""

    zone: TimeZone = "UTC"
    """Whose midnight begins a day."""
    a_day: int = Field(200, ge=0, le=1_000_000)
    levels: tuple[int, ...] = Field(LEVELS, max_length=100)
    """Points, ever earned, at which the levels begin."""
    visit: int = Field(5, ge=0, le=10_000)
    share: int = Field(5, ge=0, le=10_000)
    watch: int = Field(2, ge=0, le=10_000)
    watch_minutes: int = Field(5, ge=1, le=1440)
    watch_times: int = Field(12, ge=1, le=1440)
    comment: int = Field(1, ge=0, le=10_000)
    comment_times: int = Field(10, ge=1, le=10_000)
    like: int = Field(1, ge=0, le=10_000)
    like_count: int = Field(20, ge=1, le=10_000)
    like_times: int = Field(5, ge=1, le=10_000)
    purchase: int = Field(20, ge=0, le=10_000)
    purchase_times: int = Field(3, ge=1, le=10_000)
    gift: int = Field(1, ge=0, le=10_000)
    gift_coins: int = Field(10, ge=1, le=1_000_000)
    gift_times: int = Field(50, ge=1, le=10_000)

    @model_validator(mode="after")
    def _levels_rise(self) -> Self:
        if list(self.levels) != sorted(set(self.levels)) or any(level < 1 for level in self.levels):
            raise ValueError("levels: each takes more than the one before, and the first at least 1")
        return self


class Outbound(Section):
    """Requests made for others (JWKS, webhooks, picture import)."""

    allow_private: tuple[IPvAnyNetwork, ...] = ()
    timeout_s: float = Field(5, gt=0, le=60)
    max_bytes: int = Field(1_048_576, ge=1024, le=67_108_864)


class Webhooks(Section):
    """What is sent to a shop's own addresses, by the node that serves each."""

    endpoints_max: int = Field(20, ge=0, le=1000)
    concurrent: int = Field(8, ge=1, le=100)
    """Requests under way at once to one endpoint."""
    timeout_s: float = Field(15, gt=0, le=60)


class Log(Section):
    """What is logged, and in which form."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"
