"""The kinds of field that settings are made of: secrets that may come from files, names, public addresses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationInfo

from rooms.days import Days

SECRET_FILE_MAX_BYTES = 65_536


class Section(BaseModel):
    """A frozen group of settings that refuses keys it doesn't know."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _readable(file: Path) -> Path:
    if not file.is_file():
        raise ValueError(f"there is no file {file}")
    if file.stat().st_size > SECRET_FILE_MAX_BYTES:
        raise ValueError(f"{file} is larger than {SECRET_FILE_MAX_BYTES} bytes: it can't be a secret")
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} can't be read as text: {error}") from None
    if not text.strip():
        raise ValueError(f"{file} is empty")
    return file


def _or_from_file(value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
    """The secret itself, or the content of its ``…_file`` sibling (declared before it in the section)."""
    file: Path | None = info.data.get(f"{info.field_name}_file")
    if file is None:
        if value is not None and not value.get_secret_value():
            raise ValueError("it is empty: leave it out, or give it a value")
        return value
    if value is not None:
        raise ValueError(f"give it here or in {info.field_name}_file, not both")
    return SecretStr(file.read_text(encoding="utf-8").strip())


def _time_zone(value: str) -> str:
    try:
        Days(value)
    except (KeyError, ValueError, OSError):
        raise ValueError("should be UTC or a time zone like Asia/Shanghai that this machine knows") from None
    return value


def _web_origin(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("should be an address like https://shop.example")
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username:
        raise ValueError("should be a scheme, a host and perhaps a port, with nothing after them")
    return f"{parts.scheme}://{parts.netloc}"


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.fragment:
        raise ValueError("should be an address like https://shop.example/checkout")
    return value


def _turn_url(value: str) -> str:
    if not re.fullmatch(r"turns?:(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:\d{1,5})?(\?transport=(udp|tcp))?", value):
        raise ValueError("should be an address like turn:turn.example:3478?transport=udp (RFC 7065)")
    return value


SecretFile = Annotated[Path, AfterValidator(_readable)]
"""A file with one secret in it; white space around it doesn't count."""

Secret = Annotated[SecretStr | None, AfterValidator(_or_from_file), Field(validate_default=True)]
"""A secret ``x`` that may come from the file named by ``x_file``, a field declared before it."""

Port = Annotated[int, Field(ge=0, le=65_535)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
WebOrigin = Annotated[str, AfterValidator(_web_origin)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
TurnUrl = Annotated[str, AfterValidator(_turn_url)]
NodeName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")]
