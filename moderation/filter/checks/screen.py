"""One pass (RE2) that tells of most texts that there is neither an address nor a contact in them.

It looks at once for all that the checks for links and contacts begin with. They are what decides: a text that
is let through here for no reason costs a little time, and one that isn't has nothing for them to find.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import re2

from moderation.filter.checks import contacts, links
from moderation.filter.plain import Plain

_HINTS = (links.MAYBE.pattern, *contacts.HINTS)
_LETTER_BEFORE = "(?<![a-z0-9])"
_NO_LETTER = "(?:^|[^a-z0-9])"


def may_hold(views: Sequence[Plain]) -> bool:
    """Whether ``links`` or ``contacts`` may find something in one of the views."""
    return bool(_match(views[0].text)) or (len(views) > 1 and any(_match(view.text) for view in views[1:]))


def _in_re2(pattern: str) -> str:
    """A pattern of Python's as RE2 has it, which neither looks behind nor knows code points by number."""
    pattern = pattern.replace(_LETTER_BEFORE, _NO_LETTER)
    return "(?s:" + re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), pattern) + ")"


def _compiled() -> Any:
    options = re2.Options()
    options.max_mem = 64 * 1024 * 1024
    together = re2.Set.SearchSet(options)
    for hint in _HINTS:
        together.Add(_in_re2(hint))
    together.Compile()
    return together


_match = _compiled().Match
