"""The word filter: what evaders write is found, what people write is left alone, masks fit."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.filter import Entry, TextFilter, WordListError, clean_text, perceived_length
from moderation.filter.entries import ways
from moderation.filter.word_lists import bundled, read

BUNDLED = TextFilter.load()
TEXTS = st.text(
    alphabet=st.one_of(
        st.characters(exclude_categories=["Cs"]), st.sampled_from("fuckasshit加微信傻逼 .*\u200bу1$@'，")
    ),
    max_size=80,
)


@pytest.mark.parametrize(
    "text",
    [
        "what a fuck",
        "FUCK",
        "f u c k",
        "f.u.c.k",
        "f-u_c*k",
        "f 🖕 u c k",
        "fu.ck",
        "f uck",
        "fuuuuuck",
        "ffuucckk",
        "fúck",
        "ＦＵＣＫ",
        "𝒻𝓊𝒸𝓀",
        "ⓕⓤⓒⓚ",
        "🅵🆄🅲🅺",
        "fuсk",
        "f\u200bu\u200bc\u200bk",
        "f\u00aduck",
        "f'u'c'k",
        "unfuckingbelievable",
        "fuck123",
        "你fuck我",
        "sh1t",
        "b!tch",
        "a$$",
        "@ss",
        "a s s",
        "a.s.s",
        "asss",
        "SB",
        "傻逼",
        "你这个傻 逼",
        "傻*逼",
        "傻\u200b逼",
        "妈的",
        "媽的",
    ],
)
def test_profanity_in_any_costume_is_masked(text: str) -> None:
    verdict = BUNDLED.check(text)
    assert verdict.action == "mask"
    assert "*" in verdict.text
    assert BUNDLED.check(verdict.text).action == "allow"


@pytest.mark.parametrize(
    "text",
    [
        "加微信 abc123",
        "加 微 信",
        "加*微*信",
        "加，微，信",
        "加薇信",
        "加V信",
        "加vX",
        "刷单日赚三百",
        "Add my WhatsApp!",
        "addmywhatsapp",
        "kill yourself",
        "k y s",
        "you chink",
    ],
)
def test_adverts_threats_and_slurs_are_denied_with_the_text_unchanged(text: str) -> None:
    verdict = BUNDLED.check(text)
    assert (verdict.action, verdict.text) == ("deny", text)
    assert verdict.reasons


@pytest.mark.parametrize(
    "text",
    [
        "",
        "good god, how good",
        "as shown, the class assessed the bass",
        "Scunthorpe, Essex, Penistone",
        "the pen is mightier",
        "push it to the limit, this is a hit",
        "it isn't me, I can't message",
        "cocktail and cockpit",
        "a chink in the armor, spic and span",
        "shiitake soup",
        "100% cotton, 5$ off, A$5",
        "of uck",
        "我想加。微信上说",
        "这支那么好看",
        "去死皮的面膜",
        "妈妈的味道",
        "我操作一下",
        "Nike SB dunk",
        "这款包包多少钱？三二一上链接！",
        "می‌خواهم بخرم",
        "Привет, сколько стоит?",
        "👍🏽👨‍👩‍👧‍👦🇨🇳",
    ],
)
def test_what_people_write_is_left_alone(text: str) -> None:
    verdict = BUNDLED.check(text)
    assert (verdict.action, verdict.text, verdict.reasons) == ("allow", text, ())


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("well, fuck that", "well, **** that"),
        ("f u c k you", "* * * * you"),
        ("fuck shit fuck", "**** **** ****"),
        ("你傻逼吧", "你**吧"),
        ("f\u0301uck!", "****!"),
        ("'shit'", "'****'"),
    ],
)
def test_a_mask_covers_the_word_and_nothing_else(text: str, masked: str) -> None:
    assert BUNDLED.check(text).text == masked


def test_a_denial_beats_a_mask_and_every_reason_is_told() -> None:
    verdict = BUNDLED.check("fuck, kys")
    assert verdict.action == "deny"
    assert {(reason.word, reason.category, reason.language) for reason in verdict.reasons} == {
        ("*fuck*", "profanity", "en"),
        ("kys", "selfharm", "en"),
    }
    assert [verdict.text[reason.start : reason.end] for reason in verdict.reasons] == ["fuck", "kys"]


def test_latin_words_are_whole_by_default_and_substrings_on_request() -> None:
    whole, part = TextFilter([Entry("cat", "deny")]), TextFilter([Entry("cat", "deny", "substring")])
    assert whole.check("cat, dog").action == part.check("cat, dog").action == "deny"
    assert whole.check("concatenate").action == "allow"
    assert part.check("concatenate").action == "deny"


def test_chinese_is_found_inside_and_whole_on_request() -> None:
    assert TextFilter([Entry("广告", "deny")]).check("这是广告吗").action == "deny"
    assert TextFilter([Entry("广告", "deny", "word")]).check("这是广告吗").action == "allow"
    assert TextFilter([Entry("广告", "deny", "word")]).check("看 广告 吗").action == "deny"


def test_doubled_ideographs_and_digits_are_other_words() -> None:
    words = TextFilter([Entry("妈妈", "deny"), Entry("100", "deny")])
    assert words.check("妈").action == "allow"
    assert words.check("10").action == "allow"
    assert words.check("1000").action == "allow"
    assert words.check("妈妈 100").action == "deny"


def test_allowed_texts_shield_only_what_stands_inside_them() -> None:
    words = TextFilter([Entry("chink", "deny"), Entry("chink in the armor", "allow")])
    assert words.check("a Chink in the Armor").action == "allow"
    assert words.check("chink in the armor, you chink").action == "deny"


def test_own_lists_add_to_the_bundled_ones(tmp_path: Path) -> None:
    lines = tmp_path / "rivals.txt"
    lines.write_text("\ufeff# rivals\nAcme Bags  # all of them\n\n!fuck off lake\n", encoding="utf-8")
    toml = tmp_path / "more.toml"
    toml.write_text('[[list]]\ncategory = "x"\naction = "mask"\nwords = ["blast"]\n', encoding="utf-8")
    words = TextFilter.load([lines, toml])
    denied = words.check("buy at ACME bags")
    assert denied.action == "deny"
    assert denied.reasons[0].category == "rivals"
    assert words.check("blast").text == "*****"
    assert words.check("fuck off lake").action == "allow"
    assert words.check("fuck").action == "mask"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.toml", "[[list", "is not TOML"),
        ("a.toml", '[[list]]\nwords = ["a"]\nacton = "deny"\n', "list.0.acton"),
        ("a.toml", '[[list]]\nwords = "a"\n', "list.0.words"),
        ("a.txt", "x" * 101, "a.txt:1: .*longer than 100"),
        ("a.txt", "ok\n...\n", r"a.txt:2: '\.\.\.': nothing is left of it"),
        ("a.txt", "[severity=9]\nok\n", "a.txt:1: severity"),
        ("a.txt", "fine\nkill {you,u\n", "a.txt:2: .*without its }"),
        (
            "a.toml",
            '[[list]]\nmatch = "regex"\nwords = [\n  "a+",\n  "(b",\n]\n',
            r"a.toml:5: '\(b': missing \)",
        ),
        ("a.toml", '[[list]]\nmatch = "regex"\nwords = ["a*"]\n', "a.toml:3: .*where nothing stands"),
    ],
)
def test_a_broken_list_says_where_and_why(tmp_path: Path, name: str, text: str, message: str) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    with pytest.raises(WordListError, match=message):
        TextFilter.load([file], with_bundled=False)


def test_a_missing_or_binary_list_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(WordListError, match=r"nothing\.txt: can't be read"):
        read(tmp_path / "nothing.txt")
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(WordListError, match="UTF-8"):
        read(tmp_path / "b.txt")


def test_every_bundled_entry_does_what_it_says_by_itself() -> None:
    seldom = {"exact", "regex"}
    for entry in bundled():
        for way in ways(entry.text) if entry.match not in seldom else ():
            found = {reason.word for reason in BUNDLED.check(way.replace("*", ""), lambda _: 4).reasons}
            assert (entry.text in found) is (entry.action != "allow"), (entry, way)


def test_no_lists_allow_everything() -> None:
    assert TextFilter([]).check("fuck").action == "allow"


@given(TEXTS)
def test_spans_lie_in_the_text_and_masks_keep_its_length(text: str) -> None:
    verdict = BUNDLED.check(text)
    for reason in verdict.reasons:
        assert 0 <= reason.start < reason.end <= len(text)
    assert len(verdict.text) <= len(text)
    if verdict.action == "mask":
        assert verdict.text != text
        assert perceived_length(verdict.text) <= perceived_length(text)
    else:
        assert verdict.text == text


@given(TEXTS)
def test_checking_is_repeatable_and_survives_any_case(text: str) -> None:
    verdict = BUNDLED.check(text)
    assert BUNDLED.check(text) == verdict
    if text.isascii():
        assert BUNDLED.check(text.swapcase()).action == verdict.action


@given(TEXTS, st.sampled_from(["fuck", "kys", "加微信", "傻逼"]), TEXTS)
def test_a_word_set_apart_is_always_found(before: str, word: str, after: str) -> None:
    assert BUNDLED.check(f"{before} \n {word} \n {after}").action != "allow"


@given(TEXTS)
def test_cleaned_text_of_any_kind_can_be_checked(text: str) -> None:
    shown = " ".join(text.split())
    if shown:
        BUNDLED.check(clean_text(f"x{shown}", 200))
