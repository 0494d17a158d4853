"""A checker for tests: red is what it looks for; some other colours are the end of it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from PIL import Image, ImageStat

from media.vision.checkers import Check

GREEN_HANGS = (0, 200, 0)
BLUE_FAILS = (0, 0, 200)
PURPLE_DIES = (220, 0, 220)
RED = (220, 20, 20)
GREY = (90, 90, 90)


def make() -> Check:
    """The factory."""
    return look


def broken() -> Check:
    """A factory that can't."""
    raise RuntimeError("there is no model here")


def look(picture: Image.Image) -> Mapping[str, float]:
    """How red the picture is, from 0 to 1."""
    red, green, blue = ImageStat.Stat(picture).mean
    if min(red, blue) > 180 and green < 60:
        os.kill(os.getpid(), signal.SIGKILL)
    if green > 150 and red < 60:
        time.sleep(3600)
    if blue > 150 and red < 60:
        print("this goes to standard output, which isn't for it")
        raise ValueError("blue is too much")
    return {"red": max(0.0, min(1.0, (red - max(green, blue)) / 150))}


def by_file() -> Check:
    """A factory: everything is red while there is a file at ``$VISION_TEST_RED``."""
    path = Path(os.environ["VISION_TEST_RED"])
    return lambda picture: {"FEMALE_BREAST_EXPOSED": 0.93 if path.exists() else 0.0}


def tells_secrets() -> Check:
    """A factory: what of the environment looks like a secret."""
    return lambda picture: {name: 1.0 for name in os.environ if "SECRET" in name}


def blind() -> Check:
    """A factory: its checker can be loaded, and fails with every picture."""

    def check(picture: Image.Image) -> Mapping[str, float]:
        raise ValueError("it sees nothing")

    return check
