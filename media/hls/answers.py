"""What answers to players say beside their bodies: types, caching, who may read them (RFC 8216bis, 6.2)."""

from __future__ import annotations

PLAYLIST_TYPE = "application/vnd.apple.mpegurl"
MEDIA_TYPE = "video/mp4"

ALLOWED = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Age, Content-Range, Date, ETag, Retry-After",
    "Timing-Allow-Origin": "*",
}
PREFLIGHT = {
    **ALLOWED,
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Range, If-None-Match",
    "Access-Control-Max-Age": "86400",
}
# Names are never given twice.
IMMUTABLE = "max-age=31536000, immutable"
# A reload that names the part it waits for has one answer for some seconds; one that doesn't, for none. A
# cache that keeps the former for a second answers all that come with the crowd, and no player twice.
RELOADED, UNNAMED = "max-age=1", "no-cache"
MULTIVARIANT = "max-age=1"


def of_file(etag: str, *, who: str) -> dict[str, str]:
    """Headers of an init section, segment or part. ``who``: ``public``, or ``private`` for a credential's."""
    return {
        **ALLOWED,
        "Cache-Control": f"{who}, {IMMUTABLE}",
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
        "Content-Type": MEDIA_TYPE,
    }


def of_playlist(etag: str, *, who: str, cache: str) -> dict[str, str]:
    """Headers of a playlist."""
    return {
        **ALLOWED,
        "Cache-Control": f"{who}, {cache}",
        "ETag": etag,
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        "Content-Type": PLAYLIST_TYPE,
    }


def matches(if_none_match: str, etag: str) -> bool:
    """Whether the caller has this already (RFC 9110, 13.1.2)."""
    if not if_none_match:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or tags == ["*"]
