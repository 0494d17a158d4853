"""Which settings of a node with one role make sense."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from server.cli import run
from server.config import ConfigError, Settings, load
from server.roles import check

SHARED: dict[str, Any] = {
    "store": {"url": "postgresql://somewhere/danmart"},
    "bus": {"redis_url": "redis://somewhere"},
}


def test_a_node_has_both_roles_unless_it_is_told_otherwise() -> None:
    node = Settings().node
    assert node.is_gateway
    assert node.has_media
    check(Settings())


@pytest.mark.parametrize("role", ["gateway", "media"])
def test_one_role_needs_the_database_and_the_bus_of_other_nodes(role: str) -> None:
    check(Settings(**SHARED, node={"roles": [role]}))
    with pytest.raises(ConfigError) as refused:
        check(Settings(node={"roles": [role]}))
    assert {problem.path for problem in refused.value.problems} == {"store.url", "bus.redis_url"}


def test_the_same_role_twice_is_one_role() -> None:
    with pytest.raises(ConfigError):
        check(Settings(node={"roles": ["media", "media"]}))


def test_the_demo_has_both() -> None:
    with pytest.raises(ConfigError, match="demo"):
        check(Settings(**SHARED, demo=True, node={"roles": ["gateway"]}))


def test_roles_come_from_the_environment_with_commas() -> None:
    assert load(environ={"DANMART_NODE__ROLES": "media"}).node.roles == ("media",)
    assert load(environ={"DANMART_NODE__ROLES": "gateway, media"}).node.roles == ("gateway", "media")


def test_the_command_line_is_refused_with_reasons(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["serve", "--roles", "media", "--data", str(tmp_path)]) == 2
    assert "bus.redis_url" in capsys.readouterr().err
    assert run(["serve", "--roles", "pictures", "--data", str(tmp_path)]) == 2
    assert "node.roles" in capsys.readouterr().err
