"""Going through a trail in portions, each in a transaction of its own: what was written before is never
written again, so they fit together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection

from moderation.audit.chain import START
from moderation.audit.checking import read_erased, stray_details
from moderation.audit.reading import PAGE, read_head, read_links
from moderation.audit.verify import Checker, Head, Problem

SHOWN_MAX = 50
"""Problems of a trail that are told; all are counted."""


@dataclass(slots=True)
class Walk:
    """``behind`` is the link to begin behind, where an earlier walk was left; by default it is the start."""

    trail: str
    behind: Head = (0, START)
    head: Head | None = None
    checker: Checker | None = None
    after: int | None = None
    count: int = 0
    problems: list[Problem] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.after = self.behind[0] or None

    def step(self, conn: Connection) -> bool:
        """The next portion; whether there is more."""
        checker, before = self._prepared(conn), self.after
        behind = {} if before is None else {"after": before}
        page = read_links(conn, self.trail, limit=PAGE, **behind)
        for link, details in page:
            self._found(checker.take(link, details))
        if len(page) == PAGE:
            self.after = page[-1][0].seq
            self._found(stray_details(conn, self.trail, after=before, to=self.after))
            return True
        if self.head is not None or checker.at[0]:  # a room that nothing was done in has no trail
            self._found(checker.end(self.head))
        self._found(stray_details(conn, self.trail, after=before))
        return False

    def _prepared(self, conn: Connection) -> Checker:
        if self.checker is None:
            self.checker = Checker(self.trail, read_erased(conn, self.trail), behind=self.behind)
        elif self.head is not None:
            read_erased(conn, self.trail, self.checker.erased, after=self.head[0])
        self.head = read_head(conn, self.trail)
        return self.checker

    def _found(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self.count += 1
            if len(self.problems) < SHOWN_MAX:
                self.problems.append(problem)
