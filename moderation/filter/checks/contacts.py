"""Contact details: telephone numbers, messengers' ids and e-mail addresses, spelled out too."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from moderation.filter.checks.common_words import COMMON, named
from moderation.filter.checks.subject import Subject
from moderation.filter.plain import Plain
from moderation.rulebook.rules import RoomRules
from rooms.ports import TextReason

_HAN_DIGITS = str.maketrans("零〇一二三四五六七八九幺壹贰叁肆伍陆柒捌玖两貳參陸", "0012345678911234567892236")
_DIGIT = "0-9零〇一二三四五六七八九幺壹贰叁肆伍陆柒捌玖两貳參陸"
# A run of digits, each perhaps set apart a little. The end of one that is a price or a measure is seen later.
_RUN = re.compile(rf"\+?\(?[{_DIGIT}](?:[ \-.·*_~、/()（）]{{0,3}}[{_DIGIT}]){{6,39}}")
_GROUPS = re.compile(rf"[{_DIGIT}]+")
_MOBILE = re.compile(r"(?:0086|86)?(1[3-9]\d{9})")
# The same with letters that look like figures: 138oo138ooo.
_LETTERED = re.compile(r"(?<![a-z0-9])[1il][3-9][0-9oil]{9}")
_FROM_LETTERS = str.maketrans("oil", "011")
_LANDLINE = re.compile(r"0\d{2,3}-\d{7,8}|400[- ]\d{3,4}[- ]\d{3,4}")
# British mobiles, written as they are there: 07700 900123.
_BRITISH = re.compile(r"(?<!\d)07[1-57-9]\d{2} ?\d{3} ?\d{3}(?!\d)")
_NUMBERED = re.compile(
    r"(?:order|tracking|parcel|item|model|serial|invoice|ref|sku|ean|code|id|receipt)"
    r"(?: (?:no|number|nr|ref|id|code|is))?[ .:#]{0,3}$"
)
_AMERICAN = re.compile(r"(?:1[-. ])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[-.])\d{3}[-.]\d{4}")
# How a number is written that isn't all there is in its run.
_SHAPES = frozenset({(11,), (3, 4, 4), (3, 8), (3, 3, 5), (4, 4, 3), (7, 4), (5, 6)})

_ENGLISH = {
    "zero": "0", "oh": "0", "o": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5",
    "six": "6", "seven": "7", "eight": "8", "nine": "9",
}  # fmt: skip
_SPELLED_DIGIT = "(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|o|[0-9])"
_TIMES = {"double": 2, "triple": 3}
_SAID = rf"(?:(?:double|triple) )?{_SPELLED_DIGIT}"
_SPELLED = re.compile(rf"(?<![a-z0-9]){_SAID}(?:[ ,.\-]{{0,3}}{_SAID}){{6,14}}(?![a-z0-9])")
_SPELLED_PARTS = re.compile(rf"(?:(double|triple) )?({_SPELLED_DIGIT})")
SPELLED_MIN = 10
"""Digits: fewer are counted, or a price."""
ANNOUNCED_MIN = 7
"""After "text me" and the like."""
_COUNTING = "01234567890123456789"

_TO = r"[ :：=\-_→>号是加我的码群裙聊里id为了吧哦呀 ]{0,8}"
_NUMBER = rf"(?P<id>[{_DIGIT}](?:[ \-.]?[{_DIGIT}]){{4,14}})(?![{_DIGIT}])"
# Groups of three or four and what is left, or each figure by itself; pairs are sizes.
_GROUPED = (
    rf"(?:[{_DIGIT}]{{3,4}}[ \-.·]){{1,3}}[{_DIGIT}]{{2,5}}"
    rf"|[{_DIGIT}](?:[ \-.·][{_DIGIT}]){{7,10}}"
)
_NAME = r"(?P<id>[a-z][a-z0-9_\-]{4,19})(?![a-z0-9])"
_ALONE = r"(?<![a-z0-9])"

_LOOKS = {"a": "a4@", "e": "e3", "g": "g9", "i": "i1!|", "l": "l1|", "o": "o0", "s": "s5$", "t": "t7+"}


def spread(name: str) -> str:
    """A pattern for ``name`` with a sign or a space between its letters, or figures for them."""
    return r"[ .\-_*|]?".join(f"[{re.escape(_LOOKS.get(letter, letter))}]" for letter in name)


# 加微 in other characters that are read alike, or in pieces; 信 stands for it too.
_ADD = "(?:[加佳家嘉伽茄珈迦夹枷甲痂+➕]|力口)"
_READ_WEI = "[微薇威维徽葳溦魏唯喂卫巍薇嵬韦尉蔚惟帷]"
_LETTER = "[信芯]|亻言|人言"
_WECHAT = (
    r"(?:(?!微星)(?:微|薇|威|维|徽|v|薇薇|喂|卫|微微|葳|溦|唯)[ *._/|~\-]{0,2}(?:信|x|❤|心|星|芯)"
    rf"|{_ALONE}(?:{spread('wechat')}|weixin|wei xin|vx|wx|vxin|weix|w信|v(?=[:：][a-z]))"
    rf"|[加+私扣嘉佳伽家十] ?(?:微|薇|威|徽|v|维|w)"
    rf"|(?<!一){_ADD} ?(?:{_READ_WEI}|{_LETTER})"
    r"|绿泡泡|绿色软件|绿聊|(?<![安稍轻略细显低国卑甚精])[薇徽微])"
)
_QQ = (
    rf"(?:{_ALONE}q ?q|[扣抠叩蔻]{{2}}|🐧|[扣抠]q|企鹅|秋秋|球球"
    rf"|(?:{_ALONE}q|[扣企加进入])[群裙羣峮]|[群裙]号|{_ALONE}q号?(?=[ :：]?\d)"
    r"|扣(?=[:：]?\d{8})(?!(?P<same>\d)(?P=same){4}))"
)
# A shop's own numbers are nobody's telephone.
_NO_ORDER = "".join(
    f"(?<!{what} )" for what in ("order", "tracking", "parcel", "item", "model", "serial", "invoice")
)
_CALL = (
    rf"(?:{_ALONE}(?:tel|phone|mobile|cell|call|text|txt|sms|ring|dial|reach|contact|hmu|hit me up"
    rf"|what[’']?s ?app|watsapp|{_NO_ORDER}number)"
    r"(?: me| us)?(?: or (?:text|call|txt|whatsapp))?(?: at| on| is)?"
    r"|电话|手机|手机号|致电|联系|拨打|热线|打我)"
)
# Letters may stand for figures in it: (2O2) 555 OI47.
_WRITTEN = r"(?P<id>\+?\(?[\do](?:[ \-.()]{0,2}[\doil]){6,14})(?!\d)"
_DIGITS_MIN = 5
_TELEGRAM = (
    rf"(?:{_ALONE}(?:{spread('telegram')}|telegr|tele|tg)(?![a-z])|电报|飞[机鸡🐔]|纸飞机|✈|🛩|蝙蝠号?)"
)
_WHATSAPP = rf"{_ALONE}(?:{spread('whatsapp')}|what[’']s ?app|whatsap|watsap+|wa(?=[ :：+]))"
_LINE = rf"(?:{_ALONE}line(?![a-z])|(?<![依信无耍])赖(?=[ :：=号是id]))"
_SPREAD = "|".join(
    map(spread, ("instagram", "snapchat", "discord", "skype", "facebook", "viber", "messenger"))
)
_SOCIAL = (
    rf"(?:{_ALONE}(?:{_SPREAD}|ig|ins|insta|snap|sc|kik|signal|fb|disc)(?![a-z])"
    r"|(?:抖音|快手|小红书|陌陌|探探|微博|脸书|推特)(?:同?号|id))"
)

_AFTER = (
    r"(?P<gap>[ :：=\-_→➡👉⇒>|~号是加我的码群为搜找❤♥💕💗\ufe0f]{0,8}"
    r"(?:(?:user)?name|id|is|at|handle|号|hao)?[ :：=@是→➡👉>]{0,4})"
)


@dataclass(frozen=True, slots=True)
class _Rule:
    """A word that announces a contact, and what must follow it. ``sure``: any id that follows is one;
    otherwise it takes a sign between, or a figure in it."""

    code: str
    pattern: re.Pattern[str]
    named: bool


_RULES = (
    _Rule("wechat", re.compile(rf"{_WECHAT}{_AFTER}{_NAME}"), True),
    _Rule("wechat", re.compile(rf"{_WECHAT}{_TO}{_NUMBER}"), False),
    _Rule("qq", re.compile(rf"{_QQ}{_TO}(?P<id>[{_DIGIT}]{{5,11}})(?![{_DIGIT}])"), False),
    _Rule("qq", re.compile(rf"{_QQ}{_TO}(?P<id>{_GROUPED})(?![{_DIGIT}])"), False),
    _Rule(
        "phone",
        re.compile(rf"{_CALL}[ :：=]{{0,3}}{_WRITTEN}"),
        False,
    ),
    _Rule(
        "whatsapp",
        re.compile(rf"{_WHATSAPP}[ :：=]{{0,3}}{_WRITTEN}"),
        False,
    ),
    _Rule(
        "phone",
        re.compile(
            rf"(?<![\d#.]){_NO_ORDER}(?P<id>\+?\(?\d(?:[ \-.()]{{0,2}}\d){{8,14}})[ ,:.!\-]{{1,3}}"
            r"(?:call|text|txt|whats ?app|ring|sms)(?: (?:me|us|for|now|to get|or)(?![a-z])|$)"
        ),
        False,
    ),
    _Rule("telegram", re.compile(rf"{_TELEGRAM}{_AFTER}{_NAME}"), True),
    _Rule(
        "handle",
        re.compile(rf"(?:{_TELEGRAM}|{_SOCIAL})[^\w\n.!?]{{1,6}}@ ?(?P<id>[a-z0-9_.]{{3,30}})"),
        False,
    ),
    _Rule("line", re.compile(rf"{_LINE}{_AFTER}{_NAME}"), True),
    _Rule("social", re.compile(rf"{_SOCIAL}{_AFTER}(?P<id>[a-z0-9][a-z0-9_.\-]{{3,29}})"), True),
)
_ANNOUNCED = re.compile(
    r"[微薇威维徽喂卫葳溦扣抠叩蔻🐧群裙羣峮赖✈🛩]|唯[信心]|企鹅|秋秋|球球|电话|手机|致电|联系|拨打|热线|打我|电报|飞机"
    rf"|{_ADD} ?(?:{_READ_WEI}|{_LETTER})"
    r"|蝙蝠|绿[泡色聊]|[音手书陌探博特](?:同?号|id)|[加+私扣嘉佳伽家十][vw]|飞[鸡🐔]"
    r"|(?<![a-z0-9])(?:q|v ?x|v[:：]|wx|weix|wei xin|[vw]信|vxin"
    r"|tel|phone|mobile|cell|call|text|txt|sms|ring|dial|reach|contact|hmu|hit me|number|wats|wa[ :：+]"
    r"|tg|line|ig|ins|snap|sc[ :：=]|disc|kik|signal|fb|what[’']?s|we ?chat|skype|facebook|viber|v❤|v心)"
)
_MAIL = re.compile(
    r"(?<![a-z0-9])[a-z0-9][a-z0-9._%+\-]{0,63}(?P<at>@|[ ]?[\[({（]?[ ]?(?:\bat\b|艾特|@)[ ]?[\])}）]?[ ]?)"
    r"[a-z0-9][a-z0-9\-]{0,62}"
    r"(?P<dots>(?:(?:\.|[ ]?[\[({（]?[ ]?(?:\bdot\b|点|\.)[ ]?[\])}）]?[ ]?)[a-z]{2,24}){1,3})(?![a-z0-9])"
)
# An address that is read out: 某某艾特一六三点康姆.
_MAIL_READ = re.compile(
    r"(?<![a-z0-9])[a-z0-9][a-z0-9._\-]{2,40} ?(?:艾特|圈a|小老鼠|@| at ) ?"
    r"(?P<host>一六三|幺六三|一二六|幺二六|一三九|扣扣|抠抠|谷歌|新浪|[a-z0-9][a-z0-9\-]{0,30}) ?[点.] ?"
    r"(?P<top>[抗康扣控坑考靠肯][姆母木目]|com|cn|net)"
)
_MAIL_HOSTS = re.compile(
    r"(?:gmail|qq|163|126|outlook|hotmail|yahoo|icloud|foxmail|sina|proton(?:mail)?|139|mail)\b"
)
_MAIL_ENDINGS = re.compile(r"(?:com|net|org|cn|io|co|me|uk|info|biz|cc|edu|hk|tw)$")
_ANNOUNCES_CALL = re.compile(rf"{_CALL}[ :：=]{{0,3}}$")
_MEASURE = re.compile(r"\d+(?:[.]\d+)?[a-z]{1,4}")
_WORDS_AFTER = named(
    "payment accepted please store official group support service beautiful everyone available welcome"
)
# A name that is spread out announces nothing but an id with a figure or a sign in it, or before it.
_SIGNED = re.compile("[0-9@_:=：→➡👉]")
_SPREAD_FOUND = re.compile(
    rf"{_ALONE}(?:{_SPREAD}|{spread('telegram')}|{spread('whatsapp')}|{spread('wechat')})"
)
_INTRODUCING = (":", "：", "@", "=", "号", "id", "name", "handle", "→", "➡", "👉", "是")
_ALSO_WORDS = ("line", "signal")
_MAY_HAVE_DIGITS = re.compile(rf"[{_DIGIT}](?:[^{_DIGIT}]{{0,3}}[{_DIGIT}]){{6}}")
_MAY_BE_SPELLED = re.compile(
    r"(?:zero|one|two|three|four|five|six|seven|eight|nine).{0,3}"
    r"(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|double|triple)"
)
_AT, _DOT = re.compile(r"@|\bat\b|艾特|圈a|小老鼠"), re.compile(r"\.|dot|点")
HINTS = (
    *(hint.pattern for hint in (_MAY_HAVE_DIGITS, _LETTERED, _MAY_BE_SPELLED, _ANNOUNCED, _SPREAD_FOUND)),
    f"(?:{_AT.pattern}).*(?:{_DOT.pattern})",
)
"""Where none of these is found, no contact is. The last one isn't linear but in RE2."""


def check(subject: Subject, rules: RoomRules) -> Sequence[TextReason]:
    """``phone``, ``email``, ``wechat``, ``qq``, ``telegram``, ``whatsapp``, ``line``, ``social``."""
    if rules.contacts == "allow" or not (found := find(subject.folded.views)):
        return ()
    return [
        TextReason("contacts", code, rules.contacts, rule, start, end) for code, start, end, rule in found
    ]


def find(views: Sequence[Plain]) -> list[tuple[str, int, int, str]]:
    """What contacts there are: kinds, spans in the original, and what they say. Linear in the length."""
    found: dict[tuple[str, int, int], str] = {}
    for view in views:
        for code, start, end, said in _in_view(view.text):
            found.setdefault((code, *view.span(start, end)), said)
    return [(*key, said) for key, said in sorted(found.items())] if found else []


def _in_view(text: str) -> list[tuple[str, int, int, str]]:
    found: list[tuple[str, int, int, str]] = []
    if _MAY_HAVE_DIGITS.search(text) or _LETTERED.search(text):
        found += _phones(text)
    if _MAY_BE_SPELLED.search(text):
        found += _spelled(text)
    if _ANNOUNCED.search(text) or (_SIGNED.search(text) and _SPREAD_FOUND.search(text)):
        found += _announced(text)
    if _AT.search(text) and _DOT.search(text):
        found += _mails(text)
    return found


def _phones(text: str) -> Iterator[tuple[str, int, int, str]]:
    for match in _LETTERED.finditer(text):
        said, after = match[0].translate(_FROM_LETTERS), text[match.end() : match.end() + 1]
        goes_on = after.isascii() and after.isalnum()
        if not goes_on and not match[0].isdigit() and _MOBILE.fullmatch(said):
            yield "phone", match.start(), match.end(), said
    for match in _RUN.finditer(text):
        run = match[0]
        if match.start() and (text[match.start() - 1].isdigit() or text[match.start() - 1] in "$¥€£#"):
            continue
        groups = [(g.start(), g.end(), g[0].translate(_HAN_DIGITS)) for g in _GROUPS.finditer(run)]
        number = _number_in(groups)
        plus = run.startswith("+") and 8 <= sum(len(g[2]) for g in groups) <= 15
        if number is not None:
            first, last = number
            said = "".join(g[2] for g in groups[first : last + 1])
            yield "phone", match.start() + groups[first][0], match.start() + groups[last][1], said
        elif plus or _AMERICAN.search(run) or _is_british(text, match) or _LANDLINE.search(run):
            yield "phone", match.start(), match.end(), "".join(g[2] for g in groups)


def _is_british(text: str, run: re.Match[str]) -> bool:
    """Whether it is a British mobile number, and nothing that a shop numbers."""
    return _BRITISH.search(run[0]) is not None and not _NUMBERED.search(
        text[max(0, run.start() - 16) : run.start()]
    )


def _number_in(groups: Sequence[tuple[int, int, str]]) -> tuple[int, int] | None:
    """The first and last group of a Chinese mobile number: all of the run, or grouped as such numbers are."""
    if _MOBILE.fullmatch("".join(g[2] for g in groups)):
        return 0, len(groups) - 1
    for first in range(len(groups)):
        digits, shape = "", []
        for last in range(first, min(first + 3, len(groups))):
            digits += groups[last][2]
            shape.append(len(groups[last][2]))
            if len(digits) == 11 and tuple(shape) in _SHAPES and _MOBILE.fullmatch(digits):
                return first, last
    return None


def _spelled(text: str) -> Iterator[tuple[str, int, int, str]]:
    for match in _SPELLED.finditer(text):
        parts = _SPELLED_PARTS.findall(match[0])
        digits = "".join(_TIMES.get(times, 1) * _ENGLISH.get(word, word) for times, word in parts)
        by_word = sum(len(word) > 1 for _, word in parts)
        counting = digits in _COUNTING or digits in _COUNTING[::-1] or len(set(digits)) < 3
        announced = len(digits) >= ANNOUNCED_MIN and _ANNOUNCES_CALL.search(text[: match.start()][-40:])
        if (announced and by_word > 1) or (by_word > 3 and len(digits) >= SPELLED_MIN and not counting):
            yield "phone", match.start(), match.end(), digits


def _announced(text: str) -> Iterator[tuple[str, int, int, str]]:
    for rule in _RULES:
        for match in rule.pattern.finditer(text):
            said = match["id"]
            if rule.code in ("phone", "whatsapp") and sum(map(str.isdigit, said)) < _DIGITS_MIN:
                continue
            if rule.named and not _is_id(match[0], said, match["gap"]):
                continue
            yield rule.code, match.start(), match.end(), said.translate(_HAN_DIGITS)


_DEVICE = re.compile(
    r"(?:iphone|ipad|ios|android|mate|nova|redmi|galaxy|oppo|vivo|reno|honor|type|usb|win|mac)[-_]?\d{1,4}[a-z]{0,5}"
)
"""A telephone or a plug with its number: 微信 on an iphone15 is nobody's name."""


def _is_id(whole: str, said: str, gap: str) -> bool:
    """Whether what follows is somebody's id and no word of the sentence (``wechat payment``, ``line up``,
    ``bottom line: great``, ``snap 40mm``)."""
    if said in COMMON or said.strip("._-") in COMMON or _MEASURE.fullmatch(said):
        return False
    if _DEVICE.fullmatch(said):
        return False
    if not any(map(str.isalpha, said)):
        return "id" in gap or "@" in gap
    if any(char.isdigit() for char in said) or "_" in said:
        return True
    signs = ("@", "id", "name", "handle") if whole.startswith(_ALSO_WORDS) else _INTRODUCING
    return any(sign in gap for sign in signs) and said not in _WORDS_AFTER


def _mails(text: str) -> Iterator[tuple[str, int, int, str]]:
    for match in _MAIL.finditer(text):
        plain_at = match["at"] == "@"
        ending = re.sub(r"[^a-z]+|dot(?![a-z])", " ", match["dots"]).split()
        host = text[match.end("at") : match.start("dots")]
        sure = bool(_MAIL_HOSTS.fullmatch(host))
        if not ending or not (plain_at or sure or "[" in match["at"] or "(" in match["at"]):
            continue
        if plain_at or _MAIL_ENDINGS.match(ending[-1]):
            yield "email", match.start(), match.end(), f"@{host}.{'.'.join(ending)}"
    for match in _MAIL_READ.finditer(text):
        if not match["host"].isascii() or not match["top"].isascii():
            yield "email", match.start(), match.end(), f"@{match['host'].translate(_HAN_DIGITS)}.com"
