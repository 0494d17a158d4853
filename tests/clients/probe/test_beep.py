"""Finding the demo's beep."""

from __future__ import annotations

import math

import pytest

from clients.probe.beep import RATE, Beeps
from clients.probe.decoder import Decoder
from clients.publish.sound import PACKET_MS, opus_loop


def _sound(seconds: float, first_s: float = 1.0) -> list[int]:
    """Silence with a beep of 60 ms at ``first_s`` and each second after it, over a chord."""
    samples = []
    for n in range(int(seconds * RATE)):
        at = n / RATE
        since = (at - first_s) % 1.0
        value = 0.04 * math.sin(2 * math.pi * 220 * at)
        if at >= first_s and since < 0.06:
            value += 0.25 * math.sin(2 * math.pi * 1000 * since) * math.sin(math.pi * since / 0.06)
        samples.append(round(value * 32767))
    return samples


@pytest.mark.parametrize("size", [7, 160, 1000])
def test_beeps_are_found_where_they_begin_however_the_sound_is_cut(size: int) -> None:
    sound, beeps = _sound(3.0), Beeps()
    found: list[float] = []
    for at in range(0, len(sound), size):
        found += beeps.add(sound[at : at + size], 5_000 + 1000 * at / RATE)
    assert found == pytest.approx([6_000, 7_000], abs=4)


def test_music_without_beeps_has_none() -> None:
    assert Beeps().add(_sound(2.0, first_s=9.0), 0) == []


def test_a_beep_that_is_cut_by_a_hole_is_left_out() -> None:
    sound, beeps = _sound(1.5), Beeps()
    cut = int(1.02 * RATE)
    assert beeps.add(sound[:cut], 0) == []
    assert beeps.add(sound[cut:], 5_000) == []


def test_the_demos_own_sound_beeps_on_the_second() -> None:
    decoder, beeps = Decoder("audio/opus"), Beeps()
    found: list[float] = []
    for index, packet in enumerate(opus_loop()[:150]):
        for sound in decoder.sounds(packet, index * PACKET_MS):
            found += beeps.add(sound.samples, sound.media_ms)
    late = [at - round(at / 1000) * 1000 for at in found]
    assert len(found) >= 2
    assert max(map(abs, late)) < 12
