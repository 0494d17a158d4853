"""RTP and RTCP arithmetic: bytes and numbers in, bytes and numbers out. No sockets, no clock."""
