"""Reads as much of a Dockerfile as the tests here need."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field


@dataclass(slots=True)
class Stage:
    """One ``FROM``: its instructions in order, as (keyword, the rest of the line)."""

    image: str
    name: str | None
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, keyword: str) -> list[str]:
        return [rest for word, rest in self.instructions if word == keyword]

    def last(self, keyword: str) -> str:
        return self.all(keyword)[-1]

    @property
    def environment(self) -> dict[str, str]:
        """What ``ENV`` sets."""
        words = (word for line in self.all("ENV") for word in shlex.split(line))
        return dict(word.split("=", 1) for word in words)

    @property
    def copied(self) -> list[tuple[list[str], str]]:
        """(sources, target) of each ``COPY`` from the build context."""
        copies = (shlex.split(line) for line in self.all("COPY") if not line.startswith("--from="))
        return [(words[:-1], words[-1]) for words in copies]

    @property
    def health_command(self) -> list[str]:
        """The arguments of ``HEALTHCHECK … CMD [...]``."""
        command: list[str] = json.loads(self.last("HEALTHCHECK").split("CMD", 1)[1])
        return command


def parse(text: str) -> list[Stage]:
    """The stages, in order."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    stages: list[Stage] = []
    for line in re.sub(r"\\\n\s*", " ", lines).splitlines():
        keyword, _, rest = line.strip().partition(" ")
        if keyword == "FROM":
            image, _, name = rest.partition(" AS ")
            stages.append(Stage(image, name or None))
        elif keyword:
            stages[-1].instructions.append((keyword, rest.strip()))
    return stages
