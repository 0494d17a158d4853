"""What is wrong with a config, in words that say what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where (a setting's full path, a variable or a file), what, what to do."""

    path: str
    what: str
    advice: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}; {self.advice}" if self.advice else f"{self.path}: {self.what}"


class ConfigError(Exception):
    """The config can't be used. ``str()`` of it has one line a problem; no value of a secret is in it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def from_validation(
    error: ValidationError, model: type[BaseModel], environ: Mapping[str, str], config_file: Path | None
) -> Iterator[Problem]:
    """One problem for each that pydantic found."""
    upper = {name.upper() for name in environ}
    for entry in error.errors(include_url=False, include_input=False):
        loc = [str(part) for part in entry["loc"]]
        path, what = _place(loc, entry["msg"])
        if entry["type"] == "extra_forbidden":
            yield Problem(path, "there is no such setting", _suggest(model, loc))
            continue
        yield Problem(path, what, _where(path, upper, config_file))


def _place(loc: list[str], message: str) -> tuple[str, str]:
    """The full path and the plain message. A check of a whole section names its setting as ``name: …``."""
    message = message.removeprefix("Value error, ")
    head, colon, rest = message.partition(": ")
    if colon and " " not in head:
        return ".".join([*loc, head]), rest
    return ".".join(loc) or "settings", message.replace("Input should", "should", 1)


def _where(path: str, variables: set[str], config_file: Path | None) -> str:
    parts = path.split(".")
    for depth in (3, 2):
        name = "DANMART_" + "__".join(parts[:depth]).upper()
        if name in variables:
            return f"change {name}"
    if config_file is not None:
        return f"change it in {config_file}, or set {name}"
    return f"set {name}, or {path} in the config file"


def _suggest(model: type[BaseModel], loc: list[str]) -> str:
    kind: Any = model
    for part in loc[:-1]:
        kind = kind if part.isdigit() else _model_in(kind.model_fields[part].annotation)
    names = list(kind.model_fields)
    near = get_close_matches(loc[-1], names, n=1)
    return f"did you mean {'.'.join([*loc[:-1], near[0]])}?" if near else f"there are: {', '.join(names)}"


def _model_in(annotation: Any) -> Any:
    """The model that an annotation such as ``tuple[Model, ...]`` is about."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
