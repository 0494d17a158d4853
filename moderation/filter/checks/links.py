"""Links: addresses of web sites and machines, however they are disguised."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from moderation.filter.checks import links_apart
from moderation.filter.checks.common_words import COMMON, named
from moderation.filter.checks.endings import BAIT, CORE, NO_SITES, SAID, WEAK, top_levels
from moderation.filter.checks.subject import Subject
from moderation.filter.plain import Plain
from moderation.rulebook.rules import RoomRules
from rooms.ports import TextReason

SHORTENERS = named(
    "bit.ly t.co goo.gl tinyurl.com is.gd v.gd ow.ly buff.ly cutt.ly rb.gy rebrand.ly shorturl.at s.id t.ly"
    " tiny.cc lnkd.in adf.ly bl.ink t.cn url.cn dwz.cn suo.im m.tb.cn u.jd.com v.douyin.com c.tb.cn 3.cn"
    " w.url.cn sourl.cn tinyurl.cn mrw.so kzurl.cn u.nu qr.ae linktr.ee"
)
"""Where an address says nothing of where it leads."""
MESSENGERS = named(
    "t.me telegram.me wa.me chat.whatsapp.com line.me lin.ee discord.gg discord.com u.wechat.com"
    " weixin.qq.com qm.qq.com m.me signal.me"
)
"""An address there is somebody's contact."""

_TIGHT = r"(?:[ ]?[\[({<【（][ ]?(?:\.|dot|点)[ ]?[\])}>】）][ ]?|[ ]dot[ ]|点|\.)"
_SPACED = r"(?:[ ][.点][ ]?|[.点][ ])"
_LABEL = r"[^\W_点](?:[^\W_点]|-(?=[^\W_点-]|-)){0,62}"
# A dot with space beside it ends a sentence, unless what follows is an ending that nobody begins one with.
_HOST = re.compile(
    rf"(?<![^\W_])(?<!\.){_LABEL}(?:{_TIGHT}{_LABEL}){{0,8}}"
    rf"(?:{_TIGHT}{_LABEL}|{_SPACED}(?:{'|'.join(sorted(CORE))}))(?![^\W_]|@|\.[^\W_])"
)
_SCHEME = re.compile(r"(?:h(?:tt|xx|\*\*)ps?|ftp|wss?)[ ]?[:：][ ]?[/\\]{1,4}(?:[^\s/@\\]{0,400}@)?$")
_SCHEME_MAX = 500
_MAILBOX = re.compile(r"(?<![\w.+\-/@])[\w.+\-]{1,64}@$")
_AFTER = re.compile(r"(?::\d{2,5})?(?:(?:[/?#\\]|[ ]slash[ ]|[ ]?斜[杠线][ ]?)[^\s\u2e80-\u9fff]{0,400})?")
# An address without its dots, as it is read out: www somewhere com.
_DOTLESS = re.compile(rf"(?<![^\W_])www[ ]([a-z0-9][a-z0-9-]{{1,62}})[ ]({'|'.join(sorted(CORE))})(?![^\W_])")
# What points at an address: only then is "freephone.click" taken for one, though its ending is a word.
_POINTED_AT = re.compile(
    "(?:[👉➡🔗⬇👇➜→▶]\ufe0f?|visit|go to|site|website|link|join|check out"
    "|(?:sign up|register|play|buy) at) ?:? ?$"
)
# Spelled by sound: 三达不溜点某某点抗姆; letter by letter: w w w .某某 .c o m.
_BY_SOUND = "[抗康扣控坑考靠肯][姆母木目]|看木"
_WWW = "(?:w[ ]w[ ]w|3w|三w|三达[不布]?[溜流留]|达[不布]溜达[不布]溜达[不布]溜)"
_APART = "c[ ]o[ ]m|n[ ]e[ ]t|c[ ]n"
_OF_WWW = rf"(?:com|net|cn|cc|vip|top|{_APART}|{_BY_SOUND})"
_SAID = re.compile(
    rf"(?<![^\W_])(?:{_WWW}[ ]?[.点][ ]?([a-z0-9-]{{2,40}})[ ]?[.点][ ]?{_OF_WWW}"
    rf"|([a-z0-9-]{{2,40}})[ ]?[.点][ ]?(?:{_BY_SOUND}))(?![a-z0-9])"
)
# What apps of shops open when it is copied: it says nothing of where it leads.
_COPIED = re.compile(r"([¥$€£₤₳¢])[ ]?([a-z0-9]{8,14})[ ]?[¥$€£₤₳¢/]")
_SPOKEN = re.compile(r"[^\W\d_]+|\d+[a-z]{0,3}")
_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]")
_DOTS = re.compile(rf"{_SPACED}|{_TIGHT}")
_NUMBERS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_VERSION = re.compile(r"(?:v|ver|version|版本?|ios|os) ?$")
_BRACKETED = re.compile(r"h(?:tt|xx)ps?://\[[0-9a-f:.]{2,45}\]")
MAYBE = re.compile(
    r"[a-z0-9\u00a1-\uffff][\])} ]?[.点(\[{<【（]|[ ]dot[ ]|//|www[ ]|w w w|[¥$€£₤₳¢][ ]?[a-z0-9]{8}"
)
"""Where this isn't found, no address is."""
_ASCII_TAIL = re.compile(r"[a-z0-9][a-z0-9-]*$")
_ASCII_HEAD = re.compile(r"[a-z0-9-]+")


@dataclass(frozen=True, slots=True)
class Link:
    """An address in a text: its span in the original, its host in plain letters, and whether it is written
    in another way than addresses are."""

    start: int
    end: int
    host: str
    disguised: bool


def check(subject: Subject, rules: RoomRules) -> Sequence[TextReason]:
    """``link``, ``short_link`` (says nothing of where it leads) and ``ip_address``, unless allowed."""
    if rules.links == "allow" or not (found := find(subject.text, subject.folded.views)):
        return ()
    return [
        TextReason("links", _code(link.host), rules.links, link.host, link.start, link.end)
        for link in found
        if link.disguised or not is_allowed(link.host, rules.links_allowed)
    ]


def is_allowed(host: str, allowed: Sequence[str]) -> bool:
    """Whether ``host`` is one of the domains, or below one."""
    return any(host == domain or host.endswith("." + domain) for domain in allowed)


def find(text: str, views: Sequence[Plain]) -> list[Link]:
    """The addresses in ``text``, each once, in order. Linear in its length."""
    hinting = [view for view in views if MAYBE.search(view.text)]
    if not hinting:
        return []
    found: dict[tuple[int, int], Link] = {}
    for view in hinting:
        direct = list(_in_view(view.text))
        apart = [
            (start, end, host, True)
            for start, end, host in links_apart.find(view.text)
            if not any(start < stop and since < end for since, stop, _, _ in direct)
        ]
        for start, end, host, odd in direct + apart:
            first, last = view.span(start, end)
            if _FLAG.search(text, first, last) and " " in text[first:last]:
                continue  # "from China. 🇨🇳"
            disguised = odd or host not in text[first:last].lower()
            found.setdefault((first, last), Link(first, last, host, disguised))
    return [found[span] for span in sorted(found)]


def _without_dots(text: str) -> Iterator[tuple[int, int, str, bool]]:
    """Addresses in brackets, read out or spelled, and what shops' apps open when it is copied."""
    for match in _BRACKETED.finditer(text):
        yield match.start(), match.end(), match[0].split("//")[1], False
    for match in _DOTLESS.finditer(text):
        yield match.start(), match.end(), f"www.{match[1]}.{match[2]}", True
    for match in _SAID.finditer(text):
        yield match.start(), match.end(), f"www.{match[1] or match[2]}.com", True
    for match in _COPIED.finditer(text):
        if any(map(str.isdigit, match[2])) and not match[2].isdigit():
            yield match.start(), match.end(), match[0], True


def _in_view(text: str) -> Iterator[tuple[int, int, str, bool]]:
    yield from _without_dots(text)
    for match in _HOST.finditer(text):
        since = max(0, match.start() - _SCHEME_MAX)
        before = _SCHEME.search(text, since, match.start())
        if before is None and _MAILBOX.search(text, since, match.start()):
            continue  # somebody's address there; contacts look after that
        parts = _DOTS.split(match[0])
        dots = [dot[0] for dot in _DOTS.finditer(match[0])]
        span = _narrowed(match[0], parts, dots, schemed=before is not None)
        if span is None:
            continue
        lead, host, length, odd = span
        start, end = match.start() + lead, match.start() + lead + length
        after = _AFTER.match(text, end)
        tail = after.end() if after else end
        if host in NO_SITES or (_ends_a_sentence(match[0][lead : lead + length], host) and tail == end):
            continue
        if _is_address(
            host,
            odd,
            schemed=before is not None,
            has_path=tail > end,
            before=text[max(0, start - 12) : start],
        ):
            odd = odd or (before is not None and not before[0].startswith(("http", "ftp", "ws")))
            yield before.start() if before else start, tail, host, odd


def _narrowed(
    whole: str, parts: list[str], dots: list[str], *, schemed: bool
) -> tuple[int, str, int, bool] | None:
    """The part of what was found that can be a host: how far in it begins, the host, its length in the text,
    and whether its dots are disguised. Chinese beside it is the sentence around it, unless it is a name."""
    tops = top_levels()
    while len(parts) > 1 and parts[-1] not in tops and not _NUMBERS.fullmatch(".".join(parts)):
        head = _ASCII_HEAD.match(parts[-1])
        if head and head[0] in tops and not parts[-1].isascii():  # example.com看看
            parts[-1] = head[0]
        elif schemed and len(parts) == 2:
            break  # whatever it is, a browser would go there
        else:
            parts.pop()
    if len(parts) < 2:
        return None
    dots = dots[: len(parts) - 1]
    length = sum(map(len, parts)) + sum(map(len, dots))
    lead = 0
    while not parts[0].isascii() and not schemed and parts[-1].isascii():
        tail = _ASCII_TAIL.search(parts[0])
        if tail:  # 看看example.com
            lead += tail.start()
            parts[0] = tail[0]
        elif len(parts) > 2:
            lead += len(parts[0]) + len(dots[0])
            parts, dots = parts[1:], dots[1:]
        else:
            return None
    return lead, ".".join(parts), length - lead, any(dot != "." for dot in dots)


def _is_address(host: str, odd: bool, *, schemed: bool, has_path: bool, before: str) -> bool:
    *labels, top = host.split(".")
    if _NUMBERS.fullmatch(host):
        fits = all(int(part) < 256 for part in host.split("."))
        return fits and (schemed or has_path or not _VERSION.search(before))
    if schemed:
        return True
    if host in SHORTENERS or host in MESSENGERS:
        return not odd or has_path or len(host) > 4  # t.co
    name = labels[-1]
    if top in BAIT and len(name) > 5 and name not in COMMON and _POINTED_AT.search(before):
        return True
    counted = name.isdigit() and len(name) < 4
    if odd and (top not in CORE or name in COMMON or len(name) < 2 or counted):
        return False
    if labels[0] == "www" and len(labels) > 1:
        return True
    return _reads_as_host(labels, top, has_path=has_path)


def _ends_a_sentence(written: str, host: str) -> bool:
    """Whether a dot with a space behind it is a full stop: ``jacket. shop``, not ``bags88. shop``."""
    name, _, top = host.rpartition(".")
    stop = re.search(r"[^ ]\. ", written) is not None
    return stop and (top in SAID or not top.isascii()) and _SPOKEN.fullmatch(name) is not None


def _reads_as_host(labels: Sequence[str], top: str, *, has_path: bool) -> bool:
    name = labels[-1]
    if name.isdigit():
        return top in CORE
    if has_path and len(name) > 1:
        return True
    if top in WEAK:
        return _looks_like_a_name(labels)
    return not top.isascii() or top in CORE or (len(name) > 1 and name not in COMMON)


def _looks_like_a_name(labels: Sequence[str]) -> bool:
    """Whether what stands before an ending that is a word itself is no word: ``vip88.live``, ``my-bags.top``,
    ``shop.bags.love``; not ``great.love it``."""
    name = labels[-1]
    if len(labels) > 1 and all(len(label) > 1 for label in labels):
        return not all(label in COMMON for label in labels)
    return len(name) > 2 and (any(char.isdigit() for char in name) or "-" in name) and not name.isdigit()


def _code(host: str) -> str:
    if host.startswith("[") or _NUMBERS.fullmatch(host):
        return "ip_address"
    return "short_link" if host in SHORTENERS else "link"
