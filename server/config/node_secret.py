"""The secret that a node signs its own tokens with: given by config, or made once and kept."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from server.config.problems import ConfigError, Problem
from server.config.settings import Settings

SECRET_FILE = "secret.key"  # noqa: S105  a file's name


def node_secret(settings: Settings) -> bytes:
    """The node's secret, at least 32 bytes. Nodes of one cluster must be given the same by config.

    Without one in the config it is made on first use in ``data_dir/secret.key`` (mode 0600), whole or not
    at all, also when two processes start at once. Raises ``ConfigError`` if the file can't be made or read.
    """
    if settings.node.secret is not None:
        return settings.node.secret.get_secret_value().encode()
    file = settings.node.data_dir / SECRET_FILE
    try:
        if not file.exists():
            _make(file)
        secret = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        advice = "check the rights of the data directory (node.data_dir)"
        raise ConfigError([Problem(str(file), f"can't be used: {error}", advice)]) from error
    if len(secret) < 32:
        advice = (
            "restore it, or remove it and a new one is made (sessions and stream links of the old one end)"
        )
        raise ConfigError([Problem(str(file), "is cut short or damaged", advice)])
    return secret.encode()


def _make(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=".secret-")  # 0600 from the start
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(secrets.token_hex(32))
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(temporary, file)  # fails if another process was first: then its secret counts
        except FileExistsError:
            return
    finally:
        Path(temporary).unlink()
