"""Letters of living scripts, and characters of Han and Kana, that are passed off as Latin ones: ຟนcк, 卂丂丂.

Folding leaves them what they are, or their own readers' texts would be mangled; here they are read both ways.
"""

from __future__ import annotations

import re

from moderation.filter.normalise import Normalised, Reading

# As the pages write them that make letters fancy; what is Latin, Greek or Cyrillic there is folded already.
_THAI = dict(zip("ค๒๔เ๓ภ๏รยฬนฟตษ", "abdimnosuwufnv", strict=True))
_LAO = dict(zip("ຟນຄ໐ຣຖງຮ", "fuaosnjs", strict=True))
_HEBREW = dict(zip("ןקשץסטחמ", "lpvyonnn", strict=True))
_ARABIC = dict(zip("ﻮﻨل", "gij", strict=True))
# Letters that are folded to another one, which they look like elsewhere.
_AMBIGUOUS = dict(zip("Ŧքաʍɾբձ", "fpwmrfa", strict=True))
_OTHER = dict(zip("ოჯටහచහ", "mxohwo", strict=True))
_HAN = dict(zip("卂乃匚乇千卄丨爪几卩尺丂山乂乙刀工口丅丁凵夕", "abcefhimnprswxzniottur", strict=True))
_KANA = dict(zip("ﾑｷんﾉﾌズﾚﾶｱｲﾒﾘㄥㄖㄒㄩㄚムキノフレカアイメリ", "afhijklmptxylotuyafijlmptxy", strict=True))
_TABLES = (_THAI, _LAO, _HEBREW, _ARABIC, _AMBIGUOUS, _OTHER, _HAN, _KANA)
_MEANT = {char: letter for table in _TABLES for char, letter in table.items()}
# Of Han and Kana only those that nobody writes otherwise say that the others may be meant as letters.
HINT = re.compile(
    "[\u0531-\u0586卂匚乇卄丨卩丂ㄥㄖㄒㄩㄚﾑｷﾉﾌﾚﾶｱｲﾒﾘﻮﻨ\u0590-\u05ff\u0e00-\u0eff\u0d9f\u10dd\u10ef]"
)


def passed_off(seen: Normalised) -> Reading | None:
    """``seen`` with such characters as the letters that they look like; None: there are none."""
    original = seen.original
    if len(original) != len(seen.kept) or not HINT.search(original):
        return None
    meant = _MEANT.get
    pairs = zip(original, seen.kept, strict=True)
    return Reading("".join([meant(char, kept) for char, kept in pairs]))
