"""A bar code with a frame's wall-clock time, so that glass-to-glass latency can be read off a picture.

The code is a strip over the whole width at the foot of the frame, 64 cells of equal width, black or white:

    cell   0-1    2      3      4-51                        52-59            60     61     62-63
           black  white  black  Unix time, ms, MSB first    CRC-8 of those   black  white  black

The strip's height is a 24th of the frame's, so a reader samples the middle of each cell at
``(width * (cell + 0.5) / 64, height * (1 - 1 / 48))`` in the frame at whatever size it is shown. The
threshold is halfway between cells 2 and 3. The CRC (polynomial x^8 + x^2 + x + 1, start 0, over the six bytes
of the time) tells a damaged or foreign picture from a code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from av import VideoFrame

CELLS = 64
STRIP = 24  # the strip's height is 1/24 of the frame's: 15 lines of 360, about a macroblock
_TIME_BITS = 48
_FIRST = 4
_CRC_AT = _FIRST + _TIME_BITS
_WHITE = (2, 61)
_BLACK = (0, 1, 3, 60, 62, 63)
_LEAST_CONTRAST = 40  # of 255; a picture without a code is flat or fails the CRC


def crc8(data: bytes) -> int:
    """CRC-8 with polynomial 0x07, start 0, no reflection (check value of ``b"123456789"``: 0xF4)."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = ((crc << 1) ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc


def cells(unix_ms: int) -> list[bool]:
    """The 64 cells for a time, left to right; true is white. Raises ``OverflowError`` outside 48 bits."""
    time = unix_ms.to_bytes(6, "big")
    code = int.from_bytes(time + bytes([crc8(time)]), "big")
    bits = [bool(code >> shift & 1) for shift in range(_TIME_BITS + 7, -1, -1)]
    return [False, False, True, False, *bits, False, True, False, False]


def decode(luma: Sequence[int]) -> int | None:
    """The time behind the brightness (0-255) of 64 cells, or ``None`` where there is no intact code."""
    white, black = luma[_WHITE[0]], luma[_BLACK[2]]
    if len(luma) != CELLS or white - black < _LEAST_CONTRAST:
        return None
    threshold = (white + black) // 2
    bits = [value > threshold for value in luma]
    if not all(bits[i] for i in _WHITE) or any(bits[i] for i in _BLACK):
        return None
    code = 0
    for bit in bits[_FIRST : _CRC_AT + 8]:
        code = code << 1 | bit
    time = (code >> 8).to_bytes(6, "big")
    return code >> 8 if crc8(time) == code & 0xFF else None


def sample(width: int, height: int, luma_at: Callable[[int, int], int]) -> list[int]:
    """The brightness of each cell, given a function of x and y: the mean of three points a cell."""
    y = min(height - 1, int(height * (1 - 1 / (2 * STRIP))))
    values = []
    for cell in range(CELLS):
        points = [int(width * (cell + part) / CELLS) for part in (0.4, 0.5, 0.6)]
        values.append(sum(luma_at(min(x, width - 1), y) for x in points) // len(points))
    return values


def read_barcode(frame: VideoFrame) -> int | None:
    """The Unix time in milliseconds that is burnt into a decoded frame, or ``None`` if none can be read.

    Takes any pixel format; frames that are not planar YUV are converted first.
    """
    if not frame.format.name.startswith(("yuv", "gray")):
        frame = frame.reformat(format="gray")
    plane = frame.planes[0]
    luma, stride = memoryview(plane), plane.line_size
    return decode(sample(frame.width, frame.height, lambda x, y: luma[y * stride + x]))
