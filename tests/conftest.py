"""Fixtures that every test may use. Servers and browsers start when the first test asks for them."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Generator, Iterator, Mapping

import hypothesis
import pytest
import structlog.dev
from playwright.async_api import Browser, BrowserContext
from xdist.remote import Producer

from tests.support import node
from tests.support.blocking import blocking_calls_refused
from tests.support.chromium import find_chromium, running_chromium
from tests.support.loops import GuardedLoop
from tests.support.nodejs import NodeJs, find_nodejs
from tests.support.postgres import PostgresServer
from tests.support.processes import tail
from tests.support.valkey import ValkeyServer
from tests.support.workers import ByFile, drives_a_browser, number_of_workers


def pytest_configure() -> None:
    """SIGTERM (of ``timeout``, of a CI that gives up) ends a run as Ctrl-C does: fixtures tidy up."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Where rich is installed, structlog would print every local variable of every frame: seconds each time.
    short = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], short])


# How long one example takes says nothing on a busy machine.
hypothesis.settings.register_profile(
    "danmart", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("danmart")


def pytest_asyncio_loop_factories() -> Mapping[str, type[GuardedLoop]]:
    """Every test has its own loop of this kind."""
    return {"guarded": GuardedLoop}


def pytest_xdist_auto_num_workers() -> int:
    """For ``-n auto``."""
    return number_of_workers()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    return ByFile(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several processes share the tests, those with a browser start first: they take longest."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not drives_a_browser(item.nodeid))


@pytest.fixture(autouse=True)
def _loop_is_never_blocked(request: pytest.FixtureRequest) -> Iterator[None]:
    """A blocking call that our code makes in an event loop fails the test, also if its exception got lost.

    ``@pytest.mark.may_block`` turns this off, for a test with a reason.
    """
    if request.node.get_closest_marker("asyncio") is None or request.node.get_closest_marker("may_block"):
        yield
        return
    with blocking_calls_refused() as calls:
        yield
    if calls.seen:
        pytest.fail(f"the event loop was blocked by {', '.join(calls.seen)}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The session's PostgreSQL server, for tests that need more of it than one database."""
    server = PostgresServer()
    yield server
    server.stop()


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """A SQLAlchemy URL of an empty database that nobody else uses."""
    name = postgres.create_database()
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def valkey() -> Iterator[ValkeyServer]:
    """The session's Valkey server."""
    server = ValkeyServer()
    yield server
    server.stop()


@pytest.fixture
def redis_url(valkey: ValkeyServer) -> str:
    """The URL of an empty Valkey that no other test uses at the same time."""
    valkey.flush()
    return valkey.url


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The Chromium to use, for tests that start one with flags of their own."""
    return find_chromium()


@pytest.fixture
async def browser(chromium_path: str) -> AsyncIterator[Browser]:
    """A Chromium with a made-up camera and an empty profile.

    One a test: it belongs to the event loop of the test, and takes half a second to start.
    """
    async with running_chromium(chromium_path) as browser:
        yield browser


@pytest.fixture
async def browser_context(browser: Browser) -> BrowserContext:
    """A browser window of its own, as of somebody who was never here before."""
    return await browser.new_context(locale="en-US")


@pytest.fixture(scope="session")
def nodejs() -> NodeJs:
    """Node.js and npm, for tests that drive the official JavaScript client."""
    return find_nodejs()


@pytest.fixture(autouse=True)
def _forget_logs() -> None:
    node.logs_of_this_test.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows the last lines of each node's log beside a failure."""
    report = yield
    if report.failed:
        for log in node.logs_of_this_test:
            report.sections.append((f"end of {log.name}", tail(log)))
    return report
