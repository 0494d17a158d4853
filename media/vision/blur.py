"""A picture in which nothing can be made out but colours and where they are."""

from __future__ import annotations

from PIL import Image, ImageFilter

GRAINS = 16


def soften(picture: Image.Image) -> Image.Image:
    """The same size, out of few grains, drawn large and soft. What was in it can't be had back."""
    grains = picture.copy()
    grains.thumbnail((GRAINS, GRAINS))
    large = grains.resize(picture.size, Image.Resampling.BICUBIC)
    return large.filter(ImageFilter.GaussianBlur(max(picture.size) / 50))
