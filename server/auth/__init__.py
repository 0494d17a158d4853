"""Who is calling: shops' tokens, the demo's, publishers' credentials and signed addresses."""

from server.auth.demo import DEMO_ROOM, DemoTokens
from server.auth.identity import GUEST, Identity
from server.auth.jwks import Fetch
from server.auth.publish import PublishTokens, StreamKeys
from server.auth.signed_paths import SignedPaths
from server.auth.tokens import Tokens

__all__ = [
    "DEMO_ROOM",
    "GUEST",
    "DemoTokens",
    "Fetch",
    "Identity",
    "PublishTokens",
    "SignedPaths",
    "StreamKeys",
    "Tokens",
]
