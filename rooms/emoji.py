"""Whether a text is emoji and nothing else: the grammar of Unicode Technical Standard #51, section 1.4.9."""

from __future__ import annotations

import re

# Extended_Pictographic of Unicode 16.0 (emoji-data.txt). What isn't assigned yet is reserved there for emoji
# to come, so that tomorrow's are known today.
_PICTOGRAPHS = (
    "©®‼⁉™ℹ↔-↙↩↪⌚⌛⌨⎈⏏⏩-⏳⏸-⏺Ⓜ▪▫▶◀◻-◾☀-★☇-☒☔-⚅⚐-✅✈-✒✔✖✝✡✨✳✴❄❇❌❎❓-❕❗❣-❧➕-➗➡➰➿⤴⤵⬅-⬇⬛⬜⭐⭕〰〽㊗㊙"
    "\U0001f000-\U0001f0ff\U0001f10d-\U0001f10f\U0001f12f\U0001f16c-\U0001f171\U0001f17e\U0001f17f\U0001f18e"
    "\U0001f191-\U0001f19a\U0001f1ad-\U0001f1e5\U0001f201-\U0001f20f\U0001f21a\U0001f22f\U0001f232-\U0001f23a"
    "\U0001f23c-\U0001f23f\U0001f249-\U0001f3fa\U0001f400-\U0001f53d\U0001f546-\U0001f64f"
    "\U0001f680-\U0001f6ff\U0001f774-\U0001f77f\U0001f7d5-\U0001f7ff\U0001f80c-\U0001f80f"
    "\U0001f848-\U0001f84f\U0001f85a-\U0001f85f\U0001f888-\U0001f88f\U0001f8ae-\U0001f8ff"
    "\U0001f90c-\U0001f93a\U0001f93c-\U0001f945\U0001f947-\U0001faff\U0001fc00-\U0001fffd"
)
_MODIFIER = "[\U0001f3fb-\U0001f3ff]"
_TAGS = "[\U000e0020-\U000e007e]{1,30}\U000e007f"
_ELEMENT = f"(?:[{_PICTOGRAPHS}]\ufe0f?+{_MODIFIER}?+(?:{_TAGS})?+|{_MODIFIER})"
_FLAG = "[\U0001f1e6-\U0001f1ff]{2}"
_KEYCAP = "[0-9#*]\ufe0f?\u20e3"
# Each begins differently, and nothing that was read is given back: there is one way only to read a text, and
# it takes one walk.
_TEXT = re.compile(f"(?:{_FLAG}|{_KEYCAP}|{_ELEMENT}(?:\u200d{_ELEMENT})*+|\\s)++")


def is_emoji(text: str) -> bool:
    """Whether the text is emoji and white space, at least one emoji: single ones, flags, keycaps, those with
    a skin tone, and families joined by ZWJ. A digit or a sign that only might be shown as one is text."""
    return _TEXT.fullmatch(text) is not None and not text.isspace()
