"""The drawn host: sways, blinks, talks in phrases and waves a hand towards the product."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from PIL import Image, ImageDraw

_FINE = 3
_SKIN = (246, 204, 174)
_SHADE = (224, 168, 140)
_HAIR = (54, 34, 40)
_DRESS = (38, 108, 112)
_DRESS_DARK = (28, 86, 92)
_COLLAR = (244, 232, 214)
_MOUTHS = (0.0, 0.5, 1.0)  # how far open
_WAVE = [-18 + 6 * i for i in range(10)]  # degrees
_HEAD = (110, 128)
_BODY = (170, 130)
_ARM = (150, 150)


class Host:
    """Pre-rendered parts at ``unit`` pixels a design unit (1.0 for a picture 360 pixels high)."""

    def __init__(self, unit: float) -> None:
        self._unit = unit
        self._body = _part(_BODY, unit, _draw_body)
        self._heads = {
            (mouth, shut): _part(_HEAD, unit, partial(_draw_head, mouth=mouth, shut=shut))
            for mouth in _MOUTHS
            for shut in (False, True)
        }
        self._arms = [_part(_ARM, unit, partial(_draw_arm, angle=angle)) for angle in _WAVE]

    def draw(self, image: Image.Image, foot: tuple[int, int], unix_ms: int) -> None:
        """Pastes the host, whose body ends at ``foot`` (the table's edge), as it is at a time."""
        seconds, unit = unix_ms / 1000, self._unit
        sway = math.sin(seconds * 1.3) * 4 * unit
        nod = math.sin(seconds * 2.6) * 2.5 * unit
        x, y = foot
        body_y = y - self._body.height
        image.paste(self._body, (round(x + sway * 0.5 - self._body.width / 2), body_y), self._body)
        head = self._heads[_mouth(seconds), unix_ms % 3700 < 140]
        head_y = body_y - head.height + 26 * unit + nod
        image.paste(head, (round(x + sway - head.width / 2), round(head_y)), head)
        arm = self._arms[_arm_index(seconds)]
        arm_y = body_y + 40 * unit - arm.height / 2
        image.paste(arm, (round(x + sway * 0.5 + 46 * unit), round(arm_y)), arm)


def _mouth(seconds: float) -> float:
    """Talks for three seconds of every four, two or three syllables a second."""
    if seconds % 4 > 3:
        return _MOUTHS[0]
    return _MOUTHS[int((math.sin(seconds * 17) + math.sin(seconds * 11.3) + 2) / 4 * 2.99)]


def _arm_index(seconds: float) -> int:
    swing = math.sin(seconds * 2.1) * (1.0 if seconds % 8 < 4 else 0.35)
    return min(len(_WAVE) - 1, int((swing + 1) / 2 * len(_WAVE)))


class _Pen:
    """Draws in design units on a part that is rendered larger than shown."""

    def __init__(self, draw: ImageDraw.ImageDraw, scale: float) -> None:
        self._draw, self._scale = draw, scale

    def ellipse(self, x: float, y: float, rx: float, ry: float, fill: tuple[int, int, int]) -> None:
        k = self._scale
        self._draw.ellipse(((x - rx) * k, (y - ry) * k, (x + rx) * k, (y + ry) * k), fill=fill)

    def shape(self, points: list[tuple[float, float]], fill: tuple[int, int, int]) -> None:
        self._draw.polygon([(x * self._scale, y * self._scale) for x, y in points], fill=fill)

    def line(self, points: list[tuple[float, float]], width: float, fill: tuple[int, int, int]) -> None:
        """A line with round ends and joints."""
        scaled = [(x * self._scale, y * self._scale) for x, y in points]
        self._draw.line(scaled, fill=fill, width=round(width * self._scale))
        for x, y in points:
            self.ellipse(x, y, width / 2, width / 2, fill)


def _part(size: tuple[int, int], unit: float, draw: Callable[[_Pen], None]) -> Image.Image:
    width, height = (round(side * unit) for side in size)
    image = Image.new("RGBA", (width * _FINE, height * _FINE))
    draw(_Pen(ImageDraw.Draw(image), unit * _FINE))
    return image.resize((width, height), Image.Resampling.BOX)


def _draw_body(pen: _Pen) -> None:
    pen.line([(85, 8), (85, 34)], 30, _SHADE)
    pen.shape([(16, 130), (22, 70), (40, 44), (66, 32), (104, 32), (130, 44), (148, 70), (154, 130)], _DRESS)
    pen.ellipse(40, 62, 22, 22, _DRESS)
    pen.ellipse(130, 62, 22, 22, _DRESS)
    pen.shape([(66, 30), (85, 62), (104, 30), (98, 28), (85, 50), (72, 28)], _COLLAR)
    pen.shape([(72, 28), (85, 50), (98, 28)], _SKIN)
    pen.line([(36, 84), (44, 126)], 5, _DRESS_DARK)
    pen.line([(134, 84), (126, 126)], 5, _DRESS_DARK)
    pen.line([(28, 72), (34, 110), (74, 122)], 26, _DRESS)
    pen.ellipse(84, 121, 13, 11, _SKIN)


def _draw_head(pen: _Pen, *, mouth: float, shut: bool) -> None:
    pen.ellipse(55, 20, 20, 18, _HAIR)
    pen.ellipse(55, 62, 44, 48, _HAIR)
    pen.ellipse(55, 72, 36, 42, _SKIN)
    pen.ellipse(20, 74, 6, 9, _SKIN)
    pen.ellipse(90, 74, 6, 9, _SKIN)
    pen.shape([(18, 66), (22, 38), (55, 24), (88, 38), (92, 66), (76, 48), (50, 42), (30, 52)], _HAIR)
    for x in (40, 70):
        pen.line([(x - 6, 59), (x, 57), (x + 6, 59)], 2.4, _HAIR)
        if shut:
            pen.line([(x - 5, 72), (x, 74), (x + 5, 72)], 2.4, _HAIR)
        else:
            pen.ellipse(x, 71, 5, 6.5, _HAIR)
            pen.ellipse(x + 1.8, 68.6, 1.6, 1.8, (255, 255, 255))
    pen.ellipse(33, 86, 7, 4, (244, 176, 160))
    pen.ellipse(77, 86, 7, 4, (244, 176, 160))
    pen.line([(55, 76), (53, 84), (56, 85)], 1.8, _SHADE)
    if mouth:
        pen.ellipse(55, 97, 9, 2 + 6 * mouth, (150, 44, 56))
        pen.ellipse(55, 94.5, 6, 1.2 + mouth, (255, 250, 246))
    else:
        pen.line([(46, 95), (51, 98), (55, 99), (59, 98), (64, 95)], 2.6, (178, 62, 70))


def _draw_arm(pen: _Pen, *, angle: float) -> None:
    """From the shoulder at the left middle, elbow out, the forearm turned by ``angle`` degrees."""
    turn = math.radians(angle - 38)
    elbow = (44.0, 112.0)
    hand = (elbow[0] + 62 * math.cos(turn), elbow[1] + 62 * math.sin(turn))
    pen.line([(14, 78), elbow], 26, _DRESS_DARK)
    pen.line([elbow, hand], 22, _DRESS)
    pen.ellipse(hand[0], hand[1], 12, 12, _SKIN)
    for finger in (-34, -12, 10, 44):
        tip = turn + math.radians(finger)
        pen.line([hand, (hand[0] + 21 * math.cos(tip), hand[1] + 21 * math.sin(tip))], 6.5, _SKIN)
