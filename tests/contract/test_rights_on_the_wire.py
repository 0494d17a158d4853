"""The table of ``test_rights`` once more, from outside: cell by cell over HTTP and over Socket.IO."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.contract import test_rights as table
from tests.contract.house import GUEST, HOST, OTHER
from tests.contract.wire_house import TRANSPORTS, WireHouse, wire_house_at

CELLS = table.HEADER.split()
ROOM_EACH = {"appeal", "lottery", "moderate", "quiz", "report", "review"}
"""What the cell before leaves behind is in the way: plays end when their time has come, and nobody replaces a
sanction of somebody above. So each cell has a room of its own."""


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def folder(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wire")
    shutil.copyfile(sqlite_template, folder / "danmart.db")
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wire_house(folder: Path) -> AsyncIterator[WireHouse]:
    async with wire_house_at(folder) as house:
        yield house


@pytest.mark.parametrize("command", table.COMMANDS)
async def test_row(wire_house: WireHouse, command: str) -> None:
    cells = dict(zip(CELLS, table.ROWS[table.COMMANDS.index(command)].split()[1:], strict=True))
    name = table.NAMES.get(command, command)
    await wire_house.move_in()
    for transport in TRANSPORTS:
        for role, caller in table.ROLES.items():
            where, cell = f"{role} over {transport}", cells[role]
            if name.partition(".")[0] in ROOM_EACH:
                await wire_house.move_in()
            request = await table.payload(wire_house, command, caller)
            if cell == "own":
                stranger = HOST if caller is not HOST else OTHER
                refusal = await wire_house.ask(transport, name, stranger, **request)
                assert refusal is not None, where
                assert refusal["code"] == "not_found", where
            refusal = await wire_house.ask(transport, name, caller, **request)
            if cell == "-":
                expected = "unauthenticated" if caller is GUEST else "forbidden"
                assert refusal is not None, where
                assert refusal["code"] == expected, where
            elif code := table.UNLUCKY.get((name, cell)):
                assert refusal is not None, where
                assert refusal["code"] == code, where
            else:
                assert refusal is None, (where, refusal)
