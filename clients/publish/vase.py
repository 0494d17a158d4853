"""The product on the table: a turned porcelain vase, pre-rendered over one period of its pattern."""

from __future__ import annotations

import math
from itertools import pairwise

from PIL import Image, ImageChops, ImageDraw

_MOTIFS = 6  # the pattern repeats six times around, so a sixth of a turn holds every picture
_GLAZE = (238, 240, 246)
_BLUE = (38, 70, 150)
_RED = (196, 62, 60)
_GOLD = (214, 170, 90)
_PROFILE = ((0.0, 0.46), (0.14, 0.3), (0.48, 1.0), (0.88, 0.42), (1.0, 0.52))


def turning(width: int, height: int, frames: int) -> list[Image.Image]:
    """``frames`` RGBA pictures of the vase; shown in a loop they turn it by a sixth of a circle."""
    texture = _texture(width * 6, height)
    light = _light(width, height)
    mask = _outline(width, height)
    period = texture.width // _MOTIFS
    return [_turned(texture, light, mask, width, period * i / frames) for i in range(frames)]


def radius(y: float) -> float:
    """The vase's profile: its radius (0-1) at a height from 0 (lip) to 1 (foot)."""
    for (top, above), (bottom, below) in pairwise(_PROFILE):
        if y <= bottom:
            part = (y - top) / (bottom - top)
            return above + (below - above) * (1 - math.cos(math.pi * part)) / 2
    return _PROFILE[-1][1]


def _texture(width: int, height: int) -> Image.Image:
    """The wall of the vase unrolled: its whole circumference across."""
    wall = Image.new("RGB", (width, height), _GLAZE)
    draw = ImageDraw.Draw(wall)
    for top, bottom, colour in (
        (0.0, 0.03, _GOLD),
        (0.18, 0.21, _BLUE),
        (0.23, 0.24, _GOLD),
        (0.76, 0.77, _GOLD),
        (0.79, 0.83, _BLUE),
        (0.96, 1.0, _GOLD),
    ):
        draw.rectangle((0, top * height, width, bottom * height), fill=colour)
    pitch = width / _MOTIFS
    for motif in range(_MOTIFS):
        _flower(draw, pitch * (motif + 0.5), height * 0.5, pitch * 0.36, height * 0.16)
        _leaf(draw, pitch * motif, height * 0.5, pitch * 0.07, height * 0.2)
    return wall


def _flower(draw: ImageDraw.ImageDraw, x: float, y: float, rx: float, ry: float) -> None:
    for petal in range(6):
        angle = petal * math.tau / 6
        px, py = x + 0.55 * rx * math.cos(angle), y + 0.55 * ry * math.sin(angle)
        draw.ellipse((px - rx * 0.42, py - ry * 0.42, px + rx * 0.42, py + ry * 0.42), fill=_BLUE)
    draw.ellipse((x - rx * 0.34, y - ry * 0.34, x + rx * 0.34, y + ry * 0.34), fill=_RED)


def _leaf(draw: ImageDraw.ImageDraw, x: float, y: float, rx: float, ry: float) -> None:
    draw.ellipse((x - rx, y - ry, x + rx, y + ry), fill=(64, 132, 104))


def _light(width: int, height: int) -> Image.Image:
    """How a cylinder lit from the upper left shades from side to side."""
    row = Image.new("L", (width, 1))
    for x in range(width):
        side = (x + 0.5) / width * 2 - 1
        lit = 0.42 + 0.58 * max(0.0, math.cos(math.asin(side) + 0.55))
        row.putpixel((x, 0), min(255, int(255 * lit)))
    return row.resize((width, height)).convert("RGB")


def _outline(width: int, height: int) -> Image.Image:
    fine = 3
    big = Image.new("L", (width * fine, height * fine))
    draw = ImageDraw.Draw(big)
    for y in range(height * fine):
        half = radius(y / (height * fine)) * width * fine / 2
        draw.line((width * fine / 2 - half, y, width * fine / 2 + half, y), fill=255)
    return big.resize((width, height), Image.Resampling.BOX)


def _turned(
    texture: Image.Image, light: Image.Image, mask: Image.Image, width: int, shift: float
) -> Image.Image:
    """The half of the wall that faces us, bent around the cylinder, then drawn in to the profile."""
    height = texture.height
    wall = Image.new("RGB", (texture.width * 2, height))
    wall.paste(texture, (0, 0))
    wall.paste(texture, (texture.width, 0))
    columns = []
    for x in range(width):
        angles = [math.asin(min(1.0, max(-1.0, edge / width * 2 - 1))) for edge in (x, x + 1)]
        left, right = (shift + texture.width * (0.5 + angle / math.tau) for angle in angles)
        columns.append(((x, 0, x + 1, height), (left, 0, left, height, right, height, right, 0)))
    face = wall.transform((width, height), Image.Transform.MESH, columns, Image.Resampling.BILINEAR)
    face = ImageChops.multiply(face, light)
    rows = []
    for y in range(height):
        half = max(1, round(radius(y / height) * width / 2)) + 1
        left_px, right_px = max(0, width // 2 - half), min(width, width // 2 + half)
        rows.append(((left_px, y, right_px, y + 1), (0, y, 0, y + 1, width, y + 1, width, y)))
    vase = face.transform((width, height), Image.Transform.MESH, rows, Image.Resampling.BILINEAR)
    vase.putalpha(mask)
    return vase
