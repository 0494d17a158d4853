"""Links, however they are written; and what only looks like one."""

from __future__ import annotations

import time

import pytest

from moderation.filter.checks import links
from moderation.filter.checks.subject import Subject
from moderation.rulebook.rules import RoomRules
from rooms.ports import About, TextReason


def found(text: str, **rules: object) -> list[TextReason]:
    return list(links.check(Subject.of(text, About()), RoomRules.model_validate(rules)))


@pytest.mark.parametrize(
    ("text", "host", "span"),
    [
        ("example.com", "example.com", "example.com"),
        ("look http://evil.shop/x now", "evil.shop", "http://evil.shop/x"),
        ("hxxp://evil.com", "evil.com", "hxxp://evil.com"),
        ("https:\\\\evil.com", "evil.com", "https:\\\\evil.com"),
        ("example[.]com", "example.com", "example[.]com"),
        ("example (dot) com", "example.com", "example (dot) com"),
        ("go to example dot com!", "example.com", "example dot com"),
        ("e x a m p l e . c o m", "example.com", "e x a m p l e . c o m"),
        ("ｅｘａｍｐｌｅ。ｃｏｍ", "example.com", "ｅｘａｍｐｌｅ。ｃｏｍ"),
        ("www . example . com", "example.com", "example . com"),
        ("www example com", "www.example.com", "www example com"),
        ("example . c o m", "example.com", "example . c o m"),
        ("t dot me slash mybags", "t.me", "t dot me slash mybags"),
        ("exa\u200bmple.c\u00adom", "example.com", "exa\u200bmple.c\u00adom"),
        ("1️⃣6️⃣3️⃣.com", "163.com", "1️⃣6️⃣3️⃣.com"),
        ("🅴🆇🅰🅼🅿🅻🅴.🅲🅾🅼", "example.com", "🅴🆇🅰🅼🅿🅻🅴.🅲🅾🅼"),
        ("看看www.abc.com吧", "www.abc.com", "www.abc.com"),
        ("去abc点com看", "abc.com", "abc点com"),
        ("例子.中国", "例子.中国", "例子.中国"),
        ("see xn--fiqs8s.com", "xn--fiqs8s.com", "xn--fiqs8s.com"),
        ("see example.com. Love it", "example.com", "example.com"),
        ("look here. example.com", "example.com", "example.com"),
        ("my vip88.live", "vip88.live", "vip88.live"),
        ("my-bags.top", "my-bags.top", "my-bags.top"),
        ("https://x:y@evil.com/a", "evil.com", "https://x:y@evil.com/a"),
    ],
)
def test_links_are_found_where_they_stand(text: str, host: str, span: str) -> None:
    (reason,) = found(text)
    assert (reason.check, reason.rule, reason.verdict) == ("links", host, "hold")
    assert text[reason.start : reason.end] == span


@pytest.mark.parametrize(
    "text",
    [
        "3.14", "hello.World", "v1.2.3", "version 1.2.3.4",
        "e.g. this", "node.js", "www what a com", "slash the price", "great.love it", "ok.so what",
        "I like it.me too", "$1,299.99", "10.5.2026", "a.m. and p.m.", "see U.S.A", "the dot com bubble",
        "5.5cm", "readme.md", "asap.thanks", "No.1 quality", "好的。ok", "真好。me too", "喜欢。love",
        "Love it.Perfect", "很好.真的", "200ml*3", "wait.what",
        "1.000.000 rupiah", "so cute...come on", "abc@example.com", "Dr.Who",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_link_is_none(text: str) -> None:
    assert found(text) == []


def test_links_say_what_they_are() -> None:
    codes = [reason.code for reason in found("bit.ly/abc t.me/x 10.0.0.1:80 http://[::1]/ evil.com")]
    assert sorted(codes) == ["ip_address", "ip_address", "link", "link", "short_link"]


def test_a_domain_that_is_allowed_allows_what_is_below_it() -> None:
    allowed = {"links_allowed": ["example.com"]}
    assert found("example.com and https://shop.example.com/tea", **allowed) == []
    assert [r.rule for r in found("notexample.com", **allowed)] == ["notexample.com"]


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com@evil.net",
        "https://example.com:80@evil.net/",
        "https://" + "a" * 300 + "@evil.net",
        "example.com.evil.net",
        "ехаmple.com",  # Cyrillic
        "example。com",
        "example dot com",
    ],
)
def test_what_is_allowed_is_no_costume(text: str) -> None:
    """Who disguises an allowed address doesn't mean that one."""
    assert found(text, links_allowed=["example.com"])


def test_a_room_may_allow_links() -> None:
    assert found("evil.com", links="allow") == []


@pytest.mark.parametrize(
    "piece", ["a.", "a dot ", "h x x p : / /", "a@", "www.", "1.", "a-", "点", "[.]", "x" * 63 + "."]
)
def test_hostile_texts_take_no_longer_than_they_are(piece: str) -> None:
    """Four times the text may take four times as long; a matcher that goes back and forth takes sixteen."""

    def took(size: int) -> float:
        subject = Subject.of((piece * size)[:size], About())
        rounds = []
        for _ in range(3):
            begun = time.process_time()
            list(links.check(subject, RoomRules()))
            rounds.append(time.process_time() - begun)
        return min(rounds)

    assert took(16_000) < 10 * max(took(4_000), 0.002)
