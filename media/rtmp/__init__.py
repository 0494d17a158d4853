"""RTMP in, for encoders that know nothing else: an asyncio server of our own, and what turns FLV into RTP.

Adobe's RTMP specification 1.0, and of Enhanced RTMP (v2) what names H.264, AAC and Opus by a FourCC.
"""
