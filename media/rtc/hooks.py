"""The one place that reaches into a private part of a library: SRTP in place, without two copies a packet.

``pylibsrtp.Session.protect`` copies the packet in and out and refuses more than 1356 bytes. Forwarding to
many viewers is mostly this call, so we call libsrtp's function on a buffer of our own.
"""

from __future__ import annotations

import pylibsrtp
from pylibsrtp import _binding

BUFFER_BYTES = 2048
# libsrtp may add its tag behind the packet: 16 bytes of it are enough for every profile used here.
MAX_PACKET_BYTES = BUFFER_BYTES - 144

_ffi, _lib = _binding.ffi, _binding.lib

buffer = bytearray(BUFFER_BYTES)
"""The packet under work. One for the process: the event loop handles one packet at a time."""

view = memoryview(buffer)
_data = _ffi.from_buffer("unsigned char[]", buffer, require_writable=True)
_length = _ffi.new("int *")
_protect = _lib.srtp_protect
_ok = _lib.srtp_err_status_ok


class Protector:
    """Encrypts what is in ``buffer`` for one peer (RFC 3711)."""

    __slots__ = ("_handle", "_session")

    def __init__(self, session: pylibsrtp.Session) -> None:
        self._session = session  # owns the memory behind the handle
        self._handle = session._srtp[0]

    def protect(self, length: int) -> int:
        """Encrypts the RTP packet in the first ``length`` bytes of ``buffer``; returns the new length.

        Raises ``pylibsrtp.Error`` when libsrtp refuses (a sequence number that is too old).
        """
        _length[0] = length
        status = _protect(self._handle, _data, _length)
        if status != _ok:
            raise pylibsrtp.Error(pylibsrtp.ERRORS[status])
        return int(_length[0])
