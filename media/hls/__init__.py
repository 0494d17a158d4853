"""Low-Latency HLS from a room's RTP packets (RFC 8216bis): H.264 as it came, Opus turned into AAC."""

from media.hls.config import HlsConfig
from media.hls.http import routes
from media.hls.hub import HlsHub

__all__ = ["HlsConfig", "HlsHub", "routes"]
