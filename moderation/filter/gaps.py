"""Whether a word that was found is one: gaps inside it, letters that were drawn out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from moderation.filter.fold import Kind
from moderation.filter.normalise import Gap, Reading
from moderation.filter.spellings import Spelling

_RARELY_DOUBLED = frozenset("ahijkquvwxy")
_LONG = 6
SUFFIX_MAX = 4
_TELLING = frozenset("逼屄婊屌肏")
"""No sentence ends or begins with one of these: 傻、逼."""
_BETWEEN_SHORT = "/-&'’+"
_NO_PUNCTUATION = frozenset("_*|~^•\0")
"""Signs that nobody sets between two words."""
_APOSTROPHES = frozenset("'’")
_CONTRACTED = frozenset({"s", "t", "m", "d", "ll", "re", "ve"})
_SPLIT_MIN = 4
"""Shorter words count as split by white space only with each letter set apart."""

# Pieces of words that are words by themselves, or names and units: "pen is" and "size s hit" are innocent.
_WORDS = frozenset(
    """
    a ab ad ah al am an ana as ass at aw ay ba be bi bit bra brain bum but by can cap car cat co cock
    coo cop core count country counts cover cum cup cut dam dim do dr due ed eh el em en er ers es est
    eve ex ey fat few fin fit fix for fr fun gal gap gas get git go god good got grain gun guy ha had
    ham has hat he head hell hen her hi him hip his hit hm ho hoe hole hop hot how hub hug i id if ill
    im in ing ink ion is ish ism it itch item its jack jam job joe joy kid kill king la lady lap late
    lay le led lee lei les let lick lie like lip lit lo log long lot low lung ma mad made man mart mass
    mat max may me men mid min mm mo mod mom mot mr mrs ms mud mug my na nag nan nap nat near need net
    new nice night nip no nod non nor not now nut oh oil ok old on one oop open or ore orn os our out
    over own ox pa pad pal pan par pas pass pat pay peg pen per pet pi pick pie pig pin pink pit play
    plus po pop pore port pose post pot pre pro pub put race rag rain ram ran rap rapist rat raw ray re
    red rent rep res rest rib rich rick rid ride ring rip risk rod room rose rot row rub rug run sad
    sale same sand sat saw say se sea sec see seen self sell set sex sh shall she shi ship shot show side
    sing sip sir sit six size skin sky slip so son song sore sot sow spa spit spot ss star start stay
    step sub suck sue sum sun sup swan sweat ta tab tag tail tall tan tap tar tart tea ted tee ten the
    then they this tie ties tin ting tip tit tits to toe tom ton too top tot tow toy try tub two uk um
    un up us use van vat very vet via wag wank war was wat way we wed well were wet what when where who
    why wide will win wit with woman women won word wore work yes yet you your yours zip
    hard hand blow foot head face hole back black kick side time home love look cheap mother father soft light
    dark short full half high down off page point print press
    three four some call girl girls air life china lol hero shoes shoe slick sports book books only fans fan
    red tube tubes most bet bets way ways dirt bag bags flesh simple ton street walker slime ball balls towel
    heads zipper dog bell ends inc da ham beast land whale cam bulls bone meat dot cream skirt strap wet
    bones bias pic pics lose less creeps nude nudes butts seem sex dish wish fish push
    """.split()  # noqa: SIM905 - a list of them fills pages
) - {"cock", "cum", "ass", "tits", "hoe", "sex", "wank", "rapist", "orn", "oop", "sh", "ers", "ing", "ed"}


def gaps_fit(spelling: Spelling, reading: Reading, first: int, end: int) -> bool:
    """Whether what stands between the characters may stand inside the word."""
    if _side_by_side(reading, first, end):
        return True
    gaps = [index for index in range(first + 1, end) if reading.gap(index) is not Gap.NONE]
    if not gaps:
        return True
    if spelling.entry.match == "exact":
        return True  # the whole text is this word
    if spelling.spaceless:
        return _spaceless_fit(spelling, reading, gaps, first, end)
    opened = spelling.open_start or spelling.open_end
    if opened and not (reading.word_starts(first) and _word_ends(spelling, reading, end)):
        return False
    unexpected = [gap for gap in gaps if gap - first not in spelling.gaps]
    if not unexpected:
        return True
    starts = [first, *sorted(first + gap for gap in spelling.gaps), end]
    if spelling.entry.action != "allow" and _is_contracted(reading, first, end, gaps):
        return False
    words = pairwise(starts)
    return all(
        _word_fits(reading, start, stop, [g for g in unexpected if start < g < stop]) for start, stop in words
    )


def _side_by_side(reading: Reading, first: int, end: int) -> bool:
    """Whether nothing stands between these characters: seen by the first and the last."""
    return reading.is_even and reading.at[end - 1] - reading.at[first] == end - 1 - first


def _word_ends(spelling: Spelling, reading: Reading, end: int) -> bool:
    """Whether the word ends at ``end``, or with a suffix behind it: fu.cking."""
    tails = range(end, min(end + SUFFIX_MAX, len(reading.text)) + 1)
    stop = next((at for at in tails if reading.word_starts(at)), -1)
    return stop == end or (stop > 0 and reading.text[end:stop] in spelling.suffixes)


def runs_fit(spelling: Spelling, reading: Reading, first: int) -> bool:
    """Whether each letter is there as often as in the entry, or drawn out (fuuck, ffuucckk)."""
    key = spelling.key
    wanted: Sequence[int] = spelling.runs or (1,) * len(key)
    more: list[int] = []
    for index, want in enumerate(wanted):
        have = reading.run(first + index)
        if have < want:
            return False
        if have > want:
            more.append(index)
    if not more or spelling.spaceless or len(more) > 1 or len(key) >= _LONG:
        return True
    return key[more[0]] in _RARELY_DOUBLED or reading.run(first + more[0]) > 2


def _spaceless_fit(spelling: Spelling, reading: Reading, gaps: Sequence[int], first: int, end: int) -> bool:
    """加*微*信 is one word; 我想加。微信上说 is not, unless every character is set apart (加，微，信)."""
    length = end - first
    if spelling.syllables:
        begins = {first + at for at, _ in spelling.syllables}
        cuts = sum(reading.at[index] != reading.at[index - 1] for index in range(first + 1, end))
        return len(gaps) == cuts or begins.issuperset(gaps) or _is_typed_apart(spelling, reading, gaps, first)
    if len(gaps) == length - 1 and (length > 2 or _apart(reading, first, end)):
        return True
    if length == 2 and not _TELLING.isdisjoint(spelling.key):
        return True
    return all(reading.gap(index) is not Gap.STOP for index in gaps)


def _is_typed_apart(spelling: Spelling, reading: Reading, gaps: Sequence[int], first: int) -> bool:
    """Whether letters of a word half in pinyin are set apart, as in 你马 s i 了 and c a0 你 妈, and none is a
    sentence's."""
    ideographs = sum(reading.kind(first + at) is Kind.IDEOGRAPH for at, _ in spelling.syllables)
    return ideographs > 0 and all(reading.gap(index) is not Gap.STOP for index in gaps)


def _apart(reading: Reading, first: int, end: int) -> bool:
    """Whether nothing stands directly beside ``reading.text[first:end]``."""
    before = first == 0 or reading.gap(first) is not Gap.NONE
    return before and (end == len(reading.text) or reading.gap(end) is not Gap.NONE)


def _word_fits(reading: Reading, start: int, stop: int, gaps: Sequence[int]) -> bool:
    """Whether one word may have these gaps: ``f u c k``, ``f.uck``, ``fu ck``, not ``pen is``, nor what is
    cut where short words are: ``M/F``."""
    if not gaps:
        return True
    cuts = [start, *gaps, stop]
    pieces = [reading.text[a:b] for a, b in pairwise(cuts)]
    if len(pieces) == 2 == stop - start and reading.kept[reading.at[start] + 1] in _BETWEEN_SHORT:
        return False
    wide = any(reading.gap(gap) is Gap.WIDE for gap in gaps)
    alone = sum(len(piece) == 1 for piece in pieces)
    if alone == len(pieces):
        return alone > 2 or not wide
    if wide and stop - start < _SPLIT_MIN:
        return False
    if (alone > 1 and not any(len(piece) > 2 and piece in _WORDS for piece in pieces)) or (
        alone and not wide
    ):
        return True
    if not wide and all(_signs(reading, gap) <= _NO_PUNCTUATION for gap in gaps):
        return True
    return any(len(piece) > 1 and piece not in _WORDS for piece in pieces)


def _is_contracted(reading: Reading, first: int, end: int, gaps: Sequence[int]) -> bool:
    """Whether the first piece is the end of another word (that's lag), or the last one is such an end."""
    kept, start = reading.kept, reading.at[first]
    inside = start > 1 and kept[start - 1] in _APOSTROPHES and kept[start - 2].isalpha()
    if inside and reading.gap(gaps[0]) is Gap.WIDE and reading.text[first : gaps[0]] in _CONTRACTED:
        return True
    return bool(_signs(reading, gaps[-1]) & _APOSTROPHES) and reading.text[gaps[-1] : end] in _CONTRACTED


def _signs(reading: Reading, index: int) -> frozenset[str]:
    """What stands before the character at ``index``."""
    return frozenset(reading.kept[reading.at[index - 1] + 1 : reading.at[index]])
