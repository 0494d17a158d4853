"""When what was heard is a hit, what is done about it, and when it is told again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from moderation.sounds.hits import AGAIN_MS, KNOWN_MAX, Hit, Lately, Told
from rooms.ports import About, CheckedText, TextReason
from server.texts import Texts


def words(text: str, *spans: tuple[int, int], verdict: str = "hold") -> Hit:
    reasons = tuple(TextReason("words", "insult", verdict, "", *span) for span in spans)  # type: ignore[arg-type]
    return Hit((), text, reasons)


def test_what_the_filter_lets_be_is_no_hit() -> None:
    allowed = CheckedText("allow", "x", (TextReason("words", "insult", "allow"),))
    assert not Hit.of((), allowed, "x")
    assert not Hit.of((), None, "")
    assert Hit.of((("shot", 0.9),), None, "")


def test_a_stream_is_not_broken_off_for_words_that_would_be_shown_with_stars() -> None:
    mild, grave = words("ab", (0, 1), verdict="mask"), words("ab", (0, 1))
    assert (mild.measure("interrupt"), grave.measure("interrupt")) == ("alert", "interrupt")
    assert (mild.measure("alert"), grave.measure("alert")) == ("alert", "alert")
    assert Hit((("shot", 0.9),), "ab", mild.reasons).measure("interrupt") == "interrupt"


def test_overlapping_windows_tell_once_what_both_have() -> None:
    told = Told()
    first, second = words("you Fool there", (4, 8)), words("fool and knave", (0, 4))
    assert told.is_news(first, 0)
    told.tell(first, 0)
    assert not told.is_news(second, 15_000)
    both = words("fool and knave", (0, 4), (9, 14))
    assert told.is_news(both, 15_000)  # there is more in it
    told.tell(both, 15_000)
    assert told.is_news(second, 15_000 + AGAIN_MS)


def test_what_could_not_be_told_is_news_again() -> None:
    told = Told()
    told.tell(words("fool", (0, 4)), 0)
    told.untell(words("fool", (0, 4)))
    assert told.is_news(words("fool", (0, 4)), 1)


@given(st.lists(st.tuples(st.text("abc", min_size=1, max_size=3), st.integers(0, 30_000)), max_size=40))
def test_nothing_is_told_twice_within_the_time_nor_kept_longer(said: list[tuple[str, int]]) -> None:
    told, now = Told(), 0
    last: dict[str, int] = {}
    for word, later in said:
        now += later
        hit = words(word, (0, len(word)))
        assert told.is_news(hit, now) == (word not in last or now - last[word] >= AGAIN_MS)
        if told.is_news(hit, now):
            told.tell(hit, now)
            last[word] = now
    assert all(now - since < AGAIN_MS + 30_000 * 40 for since in told._since.values())
    assert len(told._since) <= len(last)


def test_what_is_known_is_bounded() -> None:
    told, many = Told(), Hit(tuple((str(n), 1.0) for n in range(KNOWN_MAX + 50)))
    told.tell(many, 0)
    assert len(told._since) == KNOWN_MAX
    assert told.is_news(many, 1)  # rather told twice than not at all
    lately = Lately(2)
    first = lately.of("a")
    assert lately.of("a") is first
    lately.of("b"), lately.of("a"), lately.of("c")
    assert lately.of("a") is first
    assert len(lately._told) == 2


def test_speech_is_judged_as_a_comment_but_for_how_it_is_written() -> None:
    texts, speech = Texts(), About("speech")
    shouted = "WELCOME TO MY STREAM EVERYBODY TODAY WE HAVE THE BEST TEA"
    assert texts.judge(shouted).verdict == "hold"
    assert texts.judge(shouted, speech).verdict == "allow"
    number = texts.judge("call me at 138 1234 5678", speech)
    assert (number.verdict, number.reasons[0].check) == ("hold", "contacts")
    assert texts.judge("you can find it at cheap-tea.example.com", speech).verdict == "hold"
