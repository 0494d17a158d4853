"""WebRTC transport of a server with known addresses: ICE lite, DTLS-SRTP, SDP, on one UDP port."""
