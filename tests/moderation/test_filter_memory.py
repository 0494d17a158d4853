"""What was said before: several comments read together, floods, and adverts from many accounts."""

from __future__ import annotations

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.filter import TextFilter
from moderation.filter import memory as memories
from moderation.filter.folded import Folded, folded
from moderation.filter.memory import Memory
from moderation.filter.pipeline import Pipeline
from moderation.rulebook.rules import RoomRules
from rooms.ports import About, CheckedText

WORDS = TextFilter.load()
ADVERT = "Best quality bags at our shop today, look for us {}!!"


class Talk:
    """A room where people talk; what is taken counts."""

    def __init__(self, **rules: object) -> None:
        self.memory = Memory()
        self.now_ms = 1_000_000
        self._pipeline = Pipeline((WORDS,), RoomRules.model_validate(rules))

    def say(self, who: str, text: str, after_ms: int = 500) -> CheckedText:
        self.now_ms += after_ms
        checked = self._pipeline.check(text, About("comment", "tea", who, self.now_ms), self.memory)
        if checked.verdict != "deny":
            self.memory.count("tea", who, text, folded(text), self.now_ms)
        return checked


@pytest.mark.parametrize(
    ("pieces", "verdict", "code"),
    [
        ("s h i t", "deny", "profanity"),
        ("fu ck", "deny", "profanity"),
        ("加 微信", "deny", "advert"),
        ("138 1234 5678", "hold", "phone"),
        ("evil .com", "hold", "link"),
    ],
)
def test_what_is_cut_in_pieces_is_read_together(pieces: str, verdict: str, code: str) -> None:
    talk = Talk()
    *before, last = pieces.split()
    assert [talk.say("lin", piece).verdict for piece in before] == ["allow"] * len(before)
    checked = talk.say("lin", last)
    assert (checked.verdict, checked.codes) == (verdict, (code,))
    assert {reason.check for reason in checked.reasons} == {"joined"}


def test_only_what_crosses_a_cut_counts() -> None:
    """What was masked once isn't held against what is said next; nor what somebody else said, or long ago."""
    talk = Talk()
    assert talk.say("lin", "fuck").verdict == "mask"
    assert talk.say("lin", "sorry").verdict == "allow"
    talk.say("lin", "加")
    assert talk.say("wu", "微信").verdict == "allow"
    talk.say("bao", "加")
    assert talk.say("bao", "微信", after_ms=31_000).verdict == "allow"


def test_words_by_themselves_are_not_glued_together() -> None:
    talk = Talk()
    for text in ("pen", "is", "as", "so", "good", "哪里买", "好看", "微", "信"):
        assert talk.say("lin", text).verdict == "allow"


def test_the_same_again_and_again_is_a_flood() -> None:
    talk = Talk()
    verdicts = [talk.say("lin", "how much is the red bag" + "?" * n).verdict for n in range(5)]
    assert verdicts == ["allow"] * 3 + ["deny"] * 2
    assert talk.say("lin", "how much is the red bag", after_ms=31_000).verdict == "allow"


def test_applause_and_other_numbers_are_no_flood() -> None:
    talk = Talk()
    assert {talk.say("lin", "666").verdict for _ in range(6)} == {"allow"}
    assert {talk.say("wu", f"I bid {n} for the large teapot please").verdict for n in range(8)} == {"allow"}


def test_an_advert_from_many_accounts_is_held() -> None:
    talk = Talk()
    verdicts = [talk.say(f"u{n}", ADVERT.format(n)).verdict for n in range(6)]
    assert verdicts == ["allow"] * 3 + ["hold"] * 3
    (reason,) = talk.say("u9", ADVERT.format("😀")).reasons
    assert (reason.check, reason.code, reason.rule) == (
        "adverts",
        "repeated_by_many",
        "6 others within 3 min",
    )
    assert talk.say("u10", ADVERT.format(""), after_ms=200_000).verdict == "allow"


def test_what_many_say_by_themselves_is_no_advert() -> None:
    talk = Talk()
    for text in ("666", "好看", "how much?", "多少钱一件", "so pretty!", "love this one"):
        assert {talk.say(f"u{n}", text).verdict for n in range(20)} == {"allow"}


def test_one_account_makes_no_wave() -> None:
    talk = Talk(floods="allow")
    assert {talk.say("lin", ADVERT.format("")).verdict for _ in range(10)} == {"allow"}


def test_what_other_nodes_publish_counts_once() -> None:
    talk = Talk()
    for _ in range(3):
        talk.memory.hear("tea", "u1", ADVERT.format(1), talk.now_ms)
    assert talk.say("u2", ADVERT.format(2)).verdict == "allow"
    for n in (3, 4):
        talk.memory.hear("tea", f"u{n}", ADVERT.format(n), talk.now_ms)
    assert talk.say("u5", ADVERT.format(5)).verdict == "hold"


class Nodes:
    """Two nodes, each of which hears what the room was told, as it was committed, its own too."""

    def __init__(self) -> None:
        self.talks = [Talk(), Talk()]

    def say(self, at: int, who: str, text: str, after_ms: int = 500) -> CheckedText:
        here = self.talks[at]
        here.now_ms = max(talk.now_ms for talk in self.talks)
        checked = here.say(who, text, after_ms)
        if checked.verdict != "deny":
            for talk in self.talks:
                talk.memory.hear("tea", who, text, here.now_ms)
        return checked


@pytest.mark.parametrize("pieces", ["s h i t", "fu ck", "加 微信", "138 1234 5678"])
def test_pieces_said_at_two_nodes_are_read_together(pieces: str) -> None:
    nodes = Nodes()
    *before, last = pieces.split()
    for n, piece in enumerate(before):
        assert nodes.say(n % 2, "lin", piece).verdict == "allow"
    checked = nodes.say(len(before) % 2, "lin", last)
    assert checked.verdict in ("deny", "hold")
    assert {reason.check for reason in checked.reasons} == {"joined"}


def test_pieces_of_others_or_of_long_ago_are_not_read_together_at_another_node() -> None:
    nodes = Nodes()
    nodes.say(0, "lin", "加")
    assert nodes.say(1, "wu", "微信").verdict == "allow"
    nodes.say(0, "bao", "加")
    assert nodes.say(1, "bao", "微信", after_ms=31_000).verdict == "allow"


def test_a_flood_over_two_nodes_is_one_and_no_comment_counts_twice() -> None:
    nodes = Nodes()
    verdicts = [nodes.say(n % 2, "lin", "how much is the red bag").verdict for n in range(5)]
    assert verdicts == ["allow"] * 3 + ["deny"] * 2


@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from("ab"), st.booleans()), max_size=30))
def test_each_node_remembers_the_same_of_a_sender_in_the_order_of_time(
    turns: list[tuple[int, str, bool]],
) -> None:
    memories_, said, now_ms = [Memory(), Memory()], dict[str, list[str]](a=[], b=[]), 1_000_000
    for n, (at, who, looked) in enumerate(turns):
        now_ms += 100
        text = f"number {n}"
        memories_[at].count("tea", who, text, folded(text), now_ms)
        for memory in memories_:
            memory.hear("tea", who, text, now_ms)
        said[who].append(text)
        if looked:
            memories_[1 - at].recent("tea", who, now_ms)
    for memory in memories_:
        for who, texts in said.items():
            recent = [one.text for one in memory.recent("tea", who, now_ms)]
            assert recent == texts[-memories.RECENT_MAX :]


def test_a_backlog_is_folded_a_little_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other nodes' comments hold the writer for no longer than a group's share, and all of them count."""
    seen: list[str] = []

    def counted(text: str) -> Folded:
        seen.append(text)
        return Folded(text)

    monkeypatch.setattr(memories, "Folded", counted)
    memory, like = Memory(), folded("something else entirely").like
    assert like is not None
    for n in range(memories.HEARD_MAX + 100):
        memory.hear("tea", f"u{n}", ADVERT.format(n), 1)
    assert seen == []
    for _ in range(100):
        before = len(seen)
        memory.accounts("tea", "lin", like, 5)
        assert len(seen) - before <= memories.TAKEN_AT_ONCE
    assert len(seen) == memories.TAKEN_A_MOMENT
    now_ms = 5
    while memory._heard:
        now_ms += 1
        memory.accounts("tea", "lin", like, now_ms)
    assert len(seen) == memories.HEARD_MAX
    assert seen[-1] == ADVERT.format(memories.HEARD_MAX + 99)


def test_another_thread_hands_in_what_is_read_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memories, "TOLD_MAX", 3)
    memory, like = Memory(), folded("something else entirely").like
    assert like is not None

    def hand_in() -> None:
        for n in range(3000):
            memory.hear("tea", f"u{n % 5}", "hello there", n)

    with ThreadPoolExecutor(1) as loop:
        done = loop.submit(hand_in)
        turn = 0
        while not done.done() or turn < 100:
            turn += 1
            memory.accounts("tea", "lin", like, turn)
            assert len(memory.recent("tea", f"u{turn % 5}", turn % 3000)) <= memories.RECENT_MAX
        done.result()


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from([ADVERT, "666", "how much is this one please"]))
    )
)
def test_what_is_taken_back_was_never_said(said: list[tuple[str, str]]) -> None:
    """A transaction that fails takes all of it back, the last first."""
    memory, text = Memory(), ADVERT.format("here")
    memory.count("tea", "a", text, folded(text), 1000)
    undo = [memory.count("tea", who, what, folded(what), 2000) for who, what in said]
    for one in reversed(undo):
        one()
    assert [one.text for one in memory.recent("tea", "a", 2000)] == [text]
    assert not memory.recent("tea", "b", 2000)
    like = folded(text).like
    assert like is not None
    assert memory.accounts("tea", "c", like, 2000) == 1


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memories, "SENDERS_MAX", 50)
    monkeypatch.setattr(memories, "ROOMS_MAX", 4)
    monkeypatch.setattr(memories, "WAVES_MAX", 10)
    monkeypatch.setattr(memories, "TOLD_MAX", 40)

    def fill(memory: Memory, turns: range) -> None:
        for n in turns:
            text = "".join(chr(0x4E00 + (n * 37 + at * at) % 400) for at in range(40))
            memory.count(f"room{n % 9}", f"user{n}", text, Folded(text), n)
            memory.hear(f"room{n % 9}", f"other{n}", text, n)
            like = Folded(text).like
            assert like is not None
            memory.accounts(f"room{n % 9}", f"user{n}", like, n)

    memory = Memory()
    tracemalloc.start()
    try:
        fill(memory, range(300))
        full = tracemalloc.get_traced_memory()[0]
        fill(memory, range(300, 600))
        later = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert later < 1.1 * full
