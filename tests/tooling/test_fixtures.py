"""The fixtures of conftest.py: each is the real thing, fresh for each test, and gone afterwards."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import redis.asyncio
from playwright.async_api import BrowserContext
from sqlalchemy import create_engine, text

from tests.support.nodejs import OLDEST, NodeJs
from tests.support.postgres import PostgresServer


@pytest.mark.parametrize("attempt", [1, 2])
def test_each_test_has_an_empty_postgres_database(postgres_url: str, attempt: int) -> None:
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE things (name text)"))  # fails where it exists already
        connection.execute(text("INSERT INTO things VALUES (:name)"), {"name": f"弹幕 {attempt}"})
    with engine.begin() as connection:
        assert connection.execute(text("SELECT name FROM things")).scalars().all() == [f"弹幕 {attempt}"]
        version = connection.execute(text("SHOW server_version_num")).scalar_one()
    assert int(version) >= 160000
    engine.dispose()


def test_a_database_can_be_copied_from_a_prepared_one(postgres: PostgresServer) -> None:
    template = postgres.create_database()
    engine = create_engine(postgres.url(template))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE prepared (n int)"))
    engine.dispose()
    copy = postgres.create_database(template)
    engine = create_engine(postgres.url(copy))
    with engine.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM prepared")).scalar_one() == 0
    engine.dispose()
    postgres.drop_database(copy)
    postgres.drop_database(template)


@pytest.mark.parametrize("attempt", [1, 2])
async def test_each_test_has_an_empty_valkey(redis_url: str, attempt: int) -> None:
    async with redis.asyncio.from_url(redis_url) as client:
        assert await client.ping()
        assert await client.keys() == []
        assert await client.set("left behind", attempt)


@pytest.mark.browser
async def test_chromium_shows_a_page_and_has_a_camera(browser_context: BrowserContext) -> None:
    page = await browser_context.new_page()
    await page.goto("data:text/html,<title>Danmart</title>")
    assert await page.title() == "Danmart"
    await browser_context.route("https://studio.test/", lambda route: route.fulfill(body="<p>studio</p>"))
    await page.goto("https://studio.test/")
    kinds = await page.evaluate(
        "navigator.mediaDevices.getUserMedia({video: true, audio: true})"
        ".then(stream => stream.getTracks().map(track => track.kind).sort())"
    )
    assert kinds == ["audio", "video"]


def test_node_runs_with_its_own_folder_first_on_the_path(nodejs: NodeJs, tmp_path: Path) -> None:
    version = subprocess.run(
        ["node", "-p", "process.versions.node"],
        env=nodejs.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(version.stdout.split(".")[0]) >= OLDEST
    assert subprocess.run([nodejs.npm, "--version"], env=nodejs.environment, cwd=tmp_path).returncode == 0
