"""Which roles a node may have by itself."""

from __future__ import annotations

from server.config import ConfigError, Problem, Settings
from server.store.engine import is_sqlite


def check(settings: Settings) -> None:
    """Raises ``ConfigError`` unless a node with only one of the roles can find others with the other one."""
    if len(set(settings.node.roles)) > 1:
        return
    problems = []
    only = settings.node.roles[0]
    if settings.demo:
        problems.append(Problem("demo", f"needs both roles, and this node is only {only}", "leave one out"))
    elif is_sqlite(settings.database_url):
        advice = "set it to the PostgreSQL database of the other nodes, or give this one both roles"
        problems.append(
            Problem("store.url", f"is SQLite, and a node that is only {only} shares its database", advice)
        )
    if settings.redis_url is None and not settings.demo:
        advice = "set it to the Redis of the other nodes, or give this one both roles"
        problems.append(
            Problem("bus.redis_url", f"is not set, and a node that is only {only} needs others", advice)
        )
    if problems:
        raise ConfigError(problems)
