"""Settings from their sources: command line over environment over TOML file over defaults."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource, SettingsError

from server.config.problems import ConfigError, Problem, from_validation
from server.config.settings import Settings

PREFIX = "DANMART_"
CONFIG_VARIABLE = "DANMART_CONFIG"
SERVICE_LINK = re.compile(r"DANMART(_\w+)?_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP)(_\w+)?)?)")
"""What Kubernetes puts into every container beside a service called ``danmart``: nobody's setting."""


def load(
    config_file: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """The settings of this process.

    ``config_file`` is a TOML file (without it, the one that ``DANMART_CONFIG`` names); ``overrides`` are
    nested as in the file and win over everything. Raises ``ConfigError`` with every problem found at once.
    """
    environ = os.environ if environ is None else environ
    if config_file is None and (named := environ.get(CONFIG_VARIABLE)):
        config_file = Path(named)
    problems: list[Problem] = []
    from_file = _read_toml(config_file, problems) if config_file else {}
    from_environ = _read_environ(environ, problems)
    values = _merge(_merge(from_file, from_environ), overrides or {})
    try:
        settings = Settings(**values)
    except ValidationError as error:
        problems += from_validation(error, Settings, environ, config_file)
    if problems:
        raise ConfigError(problems)
    return settings


def _read_toml(file: Path, problems: list[Problem]) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        problems.append(Problem(str(file), "there is no such file", "check the path, or make the file"))
    except (OSError, UnicodeDecodeError) as error:
        problems.append(
            Problem(str(file), f"can't be read: {error}", "check its rights and its encoding (UTF-8)")
        )
    except tomllib.TOMLDecodeError as error:
        problems.append(Problem(str(file), f"is not TOML: {error}", "see https://toml.io for the syntax"))
    return {}


class _Environ(EnvSettingsSource):
    """The library's reader of nested variables, on a mapping of ours and with lists as ``a,b`` or JSON."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = {name.lower(): value for name, value in environ.items()}
        super().__init__(Settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return self._environ

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        text = str(value).strip()
        if text[:1] in ("[", "{"):
            return json.loads(text)
        return [item.strip() for item in text.split(",") if item.strip()]


def _read_environ(environ: Mapping[str, str], problems: list[Problem]) -> dict[str, Any]:
    known = set(variables())
    taken: dict[str, str] = {}
    for name, value in environ.items():
        if not name.upper().startswith(PREFIX) or name.upper() == CONFIG_VARIABLE:
            continue
        if SERVICE_LINK.fullmatch(name) and not value.isdecimal():
            continue
        if name.upper() in known:
            taken[name] = value
        else:
            problems.append(Problem(name, "there is no such setting", _suggest(name.upper(), known)))
    result: dict[str, Any] = {}
    for name, value in taken.items():
        try:  # one by one, so that a value that can't be read doesn't hide the others
            result = _merge(result, _Environ({name: value})())
        except (SettingsError, ValueError):
            problems.append(Problem(name, "is not JSON", 'write a list as a,b or as JSON: ["a", "b"]'))
    return result


def _suggest(name: str, known: set[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.8)
    return f"did you mean {near[0]}?" if near else "remove it; settings are named DANMART_SECTION__KEY"


def variables() -> Iterator[str]:
    """The names of all environment variables that are settings, sections as a whole left out."""
    for name, field in Settings.model_fields.items():
        section = _section_of(field)
        if section is None:
            yield f"{PREFIX}{name.upper()}"
            continue
        yield from _names(section, f"{PREFIX}{name.upper()}__")


def _names(section: type[BaseModel], prefix: str) -> Iterator[str]:
    """A section's settings, those of the sections in it included."""
    for name, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _names(inner, f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}"


def _section_of(field: FieldInfo) -> type[BaseModel] | None:
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _merge(weak: Mapping[str, Any], strong: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(weak)
    for key, value in strong.items():
        below = merged.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = _merge(below, value) if both and below is not None else value
    return merged
