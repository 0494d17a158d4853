"""Contact details, spelled out too; and the numbers that people say in a shop."""

from __future__ import annotations

import time

import pytest

from moderation.filter.checks import contacts
from moderation.filter.checks.subject import Subject
from moderation.rulebook.rules import RoomRules
from rooms.ports import About


def found(text: str) -> set[tuple[str, str]]:
    reasons = contacts.check(Subject.of(text, About()), RoomRules())
    return {(reason.code, text[reason.start : reason.end]) for reason in reasons}


@pytest.mark.parametrize(
    ("text", "code", "span"),
    [
        ("call 13812345678 now", "phone", "13812345678"),
        ("138 1234 5678", "phone", "138 1234 5678"),
        ("138.1234-5678", "phone", "138.1234-5678"),
        ("1 3 8 1 2 3 4 5 6 7 8", "phone", "1 3 8 1 2 3 4 5 6 7 8"),
        ("一三八一二三四五六七八", "phone", "一三八一二三四五六七八"),
        ("壹叁捌壹贰叁肆伍陆柒捌", "phone", "壹叁捌壹贰叁肆伍陆柒捌"),
        ("one three eight one two three four five six seven eight", "phone", None),
        ("zero seven double nine one two triple three four", "phone", None),
        ("5 5 5-2 3 6-1 9 8 7", "phone", None),
        ("抠扣 一二三四五六", "qq", None),
        ("🐧12345678", "qq", None),
        ("１３８１２３４５６７８", "phone", "１３８１２３４５６７８"),
        ("1️⃣3️⃣8️⃣1️⃣2️⃣3️⃣4️⃣5️⃣6️⃣7️⃣8️⃣", "phone", None),
        ("①③⑧①②③④⑤⑥⑦⑧", "phone", None),
        ("+44 7911 123456", "phone", None),
        ("(555) 123-4567", "phone", None),
        ("电话 8765 4321", "phone", None),
        ("微信abc12345", "wechat", None),
        ("微信：luckygirl", "wechat", None),
        ("微*信 abc12345", "wechat", None),
        ("加V: abc_123", "wechat", None),
        ("w e i x i n : a b c 1 2 3", "wechat", None),
        ("薇信 13812345678", "wechat", None),
        ("QQ 12345678", "qq", None),
        ("扣扣号：1234567", "qq", None),
        ("tg: luckyshop88", "telegram", None),
        ("telegram @luckyshop", "telegram", None),
        ("whatsapp +8613812345678", "whatsapp", None),
        ("line id abc12345", "line", None),
        ("abc@example.com", "email", None),
        ("abc at gmail dot com", "email", None),
        ("abc (at) gmail (dot) com", "email", None),
        ("abc艾特qq点com", "email", None),
    ],
)
def test_contacts_are_found_where_they_stand(text: str, code: str, span: str | None) -> None:
    assert (code, span or text) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "price 199.00", "$13812345678", "2026-10-23 13:00", "订单号 202610231234567", "size 38-40", "QQ弹弹",
        "微信支付可以吗", "微信能付吗", "wechat payment accepted?", "wechat group?", "100 200 300 400 500",
        "one two three four five six seven eight nine ten", "一二三四五六七八九十", "666666666", "1314520",
        "尺码 38 39 40 41 42 43 44", "身高165体重100", "飞机杯有吗", "18:30-20:00", "text me when it's back",
        "@luckyshop hello", "meet at noon", "call of duty 2026", "line: beautiful", "line up for this",
        "微波炉1200w", "威尼斯wonderful", "维生素c1000mg", "qq 2", "Q1 2026 results", "phone: iphone 15",
        "sms code 123456", "it is good at home dot",
        "扣1 扣1", "we chat every day about tea", "my number one",
        "order number 202610231234567", "is tracking number 9400111899 yours", "one double two triple",
    ],
)  # fmt: skip
def test_what_people_say_in_a_shop_is_no_contact(text: str) -> None:
    assert found(text) == set()


@pytest.mark.parametrize(
    "piece", ["1 ", "a@", "one ", "微信", "q", "加v", "+", "(1", "a at b dot ", "line id "]
)
def test_hostile_texts_take_no_longer_than_they_are(piece: str) -> None:
    def took(size: int) -> float:
        subject = Subject.of((piece * size)[:size], About())
        rounds = []
        for _ in range(3):
            begun = time.process_time()
            list(contacts.check(subject, RoomRules()))
            rounds.append(time.process_time() - begun)
        return min(rounds)

    assert took(16_000) < 10 * max(took(4_000), 0.002)
