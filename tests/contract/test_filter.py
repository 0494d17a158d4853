"""What the filter does to comments, products, titles and files, as people notice it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select

from moderation.audit import read_audit
from moderation.filter import TextFilter
from moderation.filter.word_lists import Entry
from moderation.rulebook.rules import RoomRules
from rooms.commands import PostComment
from rooms.comments import Comments
from rooms.errors import Refused
from rooms.log import room_events
from rooms.ports import About, Caller, TextReason
from rooms.shop.sheets import read_csv
from rooms.unit import Unit
from rooms.wording import Worded
from server.texts import FixedBook, Texts
from tests.contract.house import HOST, MODERATOR, ROOM, VIEWER, House, open_house

CLAIMS = TextFilter([Entry("最好", "deny", category="claims"), Entry("idiot", "mask", category="insult")])
ADVERT = "Best quality bags at our shop today, look for us {}!!"


@pytest.fixture
async def strict(migrated_url: str) -> AsyncIterator[House]:
    """A room in which everything counts."""
    async with open_house(migrated_url, patient=False) as house:
        await house.sign_in(HOST, MODERATOR, VIEWER)
        await house.create()
        await house.ok("room.grant", HOST, user=MODERATOR.id, role="moderator")
        yield house


async def filtered(house: House) -> list[dict[str, Any]]:
    trail = await house.store.read(lambda conn: read_audit(conn, ROOM))
    return [note for note in trail[::-1] if note["action"].startswith("filter.")]


async def test_a_refused_comment_says_why_and_the_trail_says_more(strict: House) -> None:
    for n in range(3):
        await strict.ok("comment", VIEWER, text="how much is the red bag" + "?" * n)
    error = await strict.error("comment", VIEWER, text="how much is the red bag!")
    assert (error["code"], error["details"]) == ("text_refused", [{"code": "flood"}])
    (note,) = await filtered(strict)
    assert note["action"] == "filter.deny"
    assert note["detail"]["rules"] == [{"check": "floods", "code": "flood", "rule": "3 times within 30 s"}]


async def test_a_word_cut_in_pieces_is_refused_at_the_last(strict: House) -> None:
    for piece in ("s", "h", "i"):
        await strict.ok("comment", VIEWER, text=piece)
    assert await strict.code("comment", VIEWER, text="t") == "text_refused"


async def test_the_fourth_account_with_the_same_advert_has_to_wait(strict: House) -> None:
    people = [Caller(f"u-{n}", f"U{n}") for n in range(4)]
    await strict.sign_in(*people)
    for n, who in enumerate(people[:3]):
        await strict.ok("comment", who, text=ADVERT.format(n))
    answer = await strict.ok("comment", people[3], text=ADVERT.format("there"))
    assert "held" in answer
    (note,) = await filtered(strict)
    assert (note["action"], note["detail"]["rules"][0]["code"]) == ("filter.hold", "repeated_by_many")


async def test_staff_are_not_judged(strict: House) -> None:
    for _ in range(5):
        await strict.ok("comment", MODERATOR, text="read the rules at https://tea.example/rules")
    assert await filtered(strict) == []


async def test_what_is_rolled_back_was_never_said(strict: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three transactions that fail after the comment was taken leave no flood behind."""
    text = "how much is the red bag"
    post = Comments.post

    def spoil(self: Comments, tx: Unit, *args: Any, **more: Any) -> Any:
        yield from post(self, tx, *args, **more)
        raise RuntimeError("after all")

    monkeypatch.setattr(Comments, "post", spoil)
    for _ in range(3):
        assert await strict.code("comment", VIEWER, text=text) == "internal"
    monkeypatch.undo()
    for _ in range(3):
        await strict.ok("comment", VIEWER, text=text)
    assert await strict.code("comment", VIEWER, text=text) == "text_refused"


async def test_titles_name_the_words_to_change(strict: House) -> None:
    error = await strict.error("room.change", HOST, title="Go Die Tonight")
    assert error["code"] == "text_refused"
    assert {"word": "Go Die", "code": "threat"} in error["details"]
    assert await strict.try_to_create(HOST, id="other", title="kill yourself") == "text_refused"
    options = {"options": ["Oolong", "kill yourself"], "seconds": 60}
    assert await strict.code("poll.start", HOST, question="Which tea?", **options) == "text_refused"


async def test_a_red_packets_greeting_is_judged_like_a_comment(strict: House) -> None:
    assert Worded(strict.texts, About("comment", ROOM)).clean("Happy tea day", 40) == "Happy tea day"
    with pytest.raises(Refused) as refusal:
        Worded(strict.texts, About("comment", ROOM)).clean("add me: QQ 12345678", 40)
    assert refusal.value.details == [{"word": "QQ 12345678", "code": "qq"}]


class Shelf:
    def book(self, room_id: str | None) -> FixedBook:
        return FixedBook(RoomRules(), (CLAIMS,))


def test_products_in_files_are_looked_through_line_by_line() -> None:
    wording = Worded(Texts(Shelf()), About("product", None, "u-host"))
    rows = (
        "product_external_id,title,description,sku_external_id,price_minor,currency,stock\n"
        "a,全网最好的茶,fine,a-1,100,CNY,1\n"
        "b,Tea,the 最 好 tea,b-1,100,CNY,1\n"
        "c,Tea at www.tea.example,call 13812345678,c-1,100,CNY,1\n"
    )
    first, second, third = read_csv(rows.encode(), wording)
    assert first.refused.details == [{"word": "最好", "code": "claims"}]  # type: ignore[union-attr]
    assert second.refused.details == [{"word": "最 好", "code": "claims"}]  # type: ignore[union-attr]
    assert third.head.title == "Tea at www.tea.example"  # type: ignore[union-attr]


async def test_what_is_masked_is_nowhere_in_the_log(strict: House) -> None:
    event = await strict.say(VIEWER, "you idiot")
    assert event["data"]["text"] == "you *****"
    bodies = await strict.rows(select(room_events.c.body))
    assert not any(b"idiot" in row["body"] for row in bodies)


async def test_what_somebody_else_found_joins_what_the_filter_finds(strict: House) -> None:
    """It makes the filter stricter, never milder; and staff aren't judged by it either."""
    says: tuple[TextReason, ...] = (TextReason("hook", "external", "deny", "spam"),)

    async def look_over(cmd: PostComment, caller: Caller) -> tuple[TextReason, ...]:
        return says

    strict.commands._look_over = look_over
    error = await strict.error("comment", VIEWER, text="hello there")
    assert (error["code"], error["details"]) == ("text_refused", [{"code": "external"}])
    await strict.ok("comment", MODERATOR, text="hello there")
    (note,) = await filtered(strict)
    assert note["detail"]["rules"] == [{"check": "hook", "code": "external", "rule": "spam"}]
    says = ()
    await strict.ok("comment", VIEWER, text="hello there")
    assert await strict.code("comment", VIEWER, text="kill yourself") == "text_refused"
