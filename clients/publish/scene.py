"""The demo's picture: a small studio, a host who talks and waves, a vase that turns, a clock, a bar code.

Everything that doesn't change is drawn once, larger and scaled down; a frame is a handful of pastes.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from . import barcode, figure, vase

_TURN_FRAMES = 48
_TURN_MS = 2_400  # for a sixth of a turn
_FINE = 2
_SKY = ((58, 28, 78), (214, 92, 102), (250, 178, 122))
_DIGITS = "0123456789:."


class Scene:
    """Draws the studio at ``width`` × ``height`` pixels (both even). ``frame`` is not thread-safe."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        unit = min(width / 420, height / 360)
        self._unit = unit
        self._back = _studio(width, height, unit)
        self._host = figure.Host(unit)
        self._vase = vase.turning(round(112 * unit), round(150 * unit), _TURN_FRAMES)
        self._glow = _glow(round(70 * unit))
        self._digits = _digits(round(19 * unit))
        self._live = _badge("LIVE", round(15 * unit))
        self._strip = max(2, height // barcode.STRIP)

    def frame(self, unix_ms: int) -> Image.Image:
        """The RGB picture at a wall-clock time; the time is burnt in as a clock (UTC) and as a bar code."""
        image = self._back.copy()
        self._lights(image, unix_ms)
        self._host.draw(image, (round(self.width * 0.33), self._table_y()), unix_ms)
        self._product(image, unix_ms)
        self._labels(image, unix_ms)
        image.paste(self._code(unix_ms), (0, self.height - self._strip))
        return image

    def _table_y(self) -> int:
        return round(self.height * 0.83)

    def _lights(self, image: Image.Image, unix_ms: int) -> None:
        size = self._glow.width
        for i in range(4):
            phase = unix_ms / 1000 * (0.17 + 0.05 * i) + i * 1.7
            x = self.width * (0.5 + 0.46 * math.sin(phase)) - size / 2
            y = self.height * (0.26 + 0.13 * math.sin(phase * 1.31 + i)) - size / 2
            image.paste((255, 224, 190), (round(x), round(y)), self._glow)

    def _product(self, image: Image.Image, unix_ms: int) -> None:
        picture = self._vase[unix_ms * _TURN_FRAMES // _TURN_MS % _TURN_FRAMES]
        x = round(self.width * 0.72) - picture.width // 2
        y = self._table_y() - picture.height + round(16 * self._unit)
        image.paste(picture, (x, y), picture)

    def _labels(self, image: Image.Image, unix_ms: int) -> None:
        now = datetime.fromtimestamp(unix_ms / 1000, UTC)
        text = f"{now:%H:%M:%S}.{unix_ms % 1000:03d}"
        margin = round(12 * self._unit)
        glyphs = [self._digits[sign] for sign in text]
        x = self.width - margin - sum(glyph.width for glyph in glyphs)
        for glyph in glyphs:
            image.paste(glyph, (x, margin))
            x += glyph.width
        if unix_ms % 1000 < 700:
            image.paste(self._live, (margin, margin), self._live)

    def _code(self, unix_ms: int) -> Image.Image:
        strip = Image.frombytes("L", (barcode.CELLS, 1), bytes(255 * cell for cell in barcode.cells(unix_ms)))
        return strip.resize((self.width, self._strip), Image.Resampling.NEAREST).convert("RGB")


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font that Pillow brings along, so that the scene needs none of the machine's."""
    return ImageFont.load_default(size)


def _studio(width: int, height: int, unit: float) -> Image.Image:
    """The wall with an evening gradient, a round window, a sign and the table."""
    ramp = Image.new("RGB", (1, len(_SKY)))
    for i, colour in enumerate(_SKY):
        ramp.putpixel((0, i), colour)
    wide, high, fine = width * _FINE, height * _FINE, unit * _FINE
    image = ramp.resize((wide, high), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image, "RGBA")
    for radius, alpha in ((150, 26), (128, 34), (108, 60)):
        x, y, r = wide * 0.33, high * 0.44, radius * fine
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(255, 226, 196, alpha))
    draw.text(
        (wide * 0.72, high * 0.2), "danmart", font=font(round(34 * fine)), fill=(255, 240, 226), anchor="mm"
    )
    _table(draw, wide, high, fine)
    return image.resize((width, height), Image.Resampling.BOX)


def _table(draw: ImageDraw.ImageDraw, wide: int, high: int, fine: float) -> None:
    top = high * 0.83
    draw.rectangle((0, top, wide, high), fill=(96, 52, 48))
    draw.rectangle((0, top, wide, top + 5 * fine), fill=(146, 84, 66))
    x, y = wide * 0.72, top + 14 * fine
    draw.ellipse((x - 78 * fine, y - 11 * fine, x + 78 * fine, y + 15 * fine), fill=(60, 30, 34))
    draw.ellipse((x - 74 * fine, y - 12 * fine, x + 74 * fine, y + 10 * fine), fill=(236, 206, 150))
    draw.ellipse((x - 44 * fine, y - 7 * fine, x + 44 * fine, y + 6 * fine), fill=(176, 138, 96))


def _glow(size: int) -> Image.Image:
    """A soft round light, as a mask."""
    mask = Image.new("L", (size, size))
    edge = size * 0.22
    ImageDraw.Draw(mask).ellipse((edge, edge, size - edge, size - edge), fill=70)
    return mask.filter(ImageFilter.GaussianBlur(size * 0.09))


def _digits(size: int) -> dict[str, Image.Image]:
    """The clock's signs on their dark plate, each digit equally wide."""
    face = font(size)
    signs = {}
    for sign in _DIGITS:
        width = round(size * (0.62 if sign.isdigit() else 0.32))
        cell = Image.new("RGB", (width, round(size * 1.4)), (34, 18, 44))
        ImageDraw.Draw(cell).text((width / 2, size * 0.7), sign, font=face, fill=(255, 246, 236), anchor="mm")
        signs[sign] = cell
    return signs


def _badge(text: str, size: int) -> Image.Image:
    size *= _FINE
    badge = Image.new("RGBA", (round(size * 3.2), round(size * 1.7)))
    draw = ImageDraw.Draw(badge)
    draw.rounded_rectangle((0, 0, badge.width - 1, badge.height - 1), size * 0.4, fill=(226, 44, 66, 255))
    middle = (badge.width / 2, badge.height / 2)
    draw.text(middle, text, font=font(size), fill=(255, 255, 255, 255), anchor="mm")
    return badge.resize((badge.width // _FINE, badge.height // _FINE), Image.Resampling.BOX)
