"""The command ``danmart``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop
from sqlalchemy.exc import DBAPIError

from moderation.filter import WordListError
from rooms.commands import CreateRoom
from rooms.errors import Refused
from rooms.history import read_room
from rooms.ports import Caller
from server import cli_audit, cli_webhooks, cli_words, logs
from server.auth.own import sign
from server.config import ConfigError, Settings, load, node_secret

if TYPE_CHECKING:
    from server.node import Node

OK, FAILED, BAD_USAGE = 0, 1, 2
_CLIENTS = {"load": "clients.load", "probe": "clients.probe", "publish": "clients.publish.command"}


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command; exits with 0, 1 (it failed) or 2 (the command line or the config is wrong)."""
    sys.exit(run(argv))


def run(argv: Sequence[str] | None = None) -> int:
    """The same as a function: gives the exit code. ``load``, ``probe`` and ``publish`` become others."""
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] and argv[0] in _CLIENTS:
        # A client, which the server doesn't import; its options are its own.
        os.execv(sys.executable, [sys.executable, "-m", _CLIENTS[argv[0]], *argv[1:]])  # noqa: S606
    if argv[:1] == ["verify-draw"]:
        # For strangers, who have a file and no server: nothing of the config is looked at.
        from server.verify import main as verify_draw  # noqa: PLC0415

        return verify_draw(argv[1:])
    arguments = _parser().parse_args(argv)
    try:
        settings = load(arguments.config, _overrides(arguments))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return BAD_USAGE
    try:
        return int(arguments.do(settings, arguments))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return BAD_USAGE
    except WordListError as error:
        print(f"word list {error}\nMend it, or take it out of moderation.word_lists.", file=sys.stderr)
        return BAD_USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="danmart", description="A self-hosted live-commerce backend.", allow_abbrev=False
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", type=Path, metavar="FILE", help="a TOML file with settings")
    common.add_argument("--data", type=Path, metavar="DIR", help="where the node keeps its files (data)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", parents=[common], help="run a node")
    serve.add_argument("--host", help="the address to listen on (127.0.0.1)")
    serve.add_argument("--port", type=int, help="the HTTP port (8080); 0 picks one and prints it")
    serve.add_argument("--udp-port", type=int, help="the UDP port of WebRTC; 0 picks one and prints it")
    serve.add_argument(
        "--demo", action="store_true", default=None, help="a room that is live, for trying out"
    )
    serve.add_argument(
        "--demo-public", action="store_true", default=None, help="let other machines watch the demo"
    )
    serve.add_argument(
        "--roles", type=_roles, metavar="ROLE[,ROLE]", help="what this node does (gateway,media)"
    )
    serve.add_argument(
        "--workers", type=_workers, default=1, metavar="N", help="so many nodes on this machine (1)"
    )
    serve.add_argument("--supervised", action="store_true", help=argparse.SUPPRESS)
    serve.set_defaults(do=_serve)

    token = commands.add_parser("token", parents=[common], help="sign a token, for tests and scripts")
    token.add_argument("--user", required=True, help="the user's id")
    token.add_argument("--name", help="the name that others see (the id)")
    token.add_argument("--hours", type=float, default=12, help="how long it is good (12)")
    token.add_argument("--may-host", action="store_true", help="may create rooms")
    token.add_argument("--operator", action="store_true", help="is an operator over all rooms")
    token.set_defaults(do=_token)

    link = commands.add_parser("host-link", parents=[common], help="a sign-in link to the studio")
    link.add_argument("--room", required=True, help="the room's id; it is created if it isn't there")
    link.add_argument("--title", help="the room's title, if it is created")
    link.add_argument("--user", default="host", help="the host's user id (host)")
    link.add_argument("--name", default="Host", help="the host's name (Host)")
    link.add_argument("--hours", type=float, default=12, help="how long the link is good (12)")
    link.add_argument("--url", help="the node's address, as browsers see it")
    link.set_defaults(do=_host_link)

    commands.add_parser("load", add_help=False, help="put load on a node, and see what reaches the viewers")
    commands.add_parser("publish", add_help=False, help="put a file or URL on the air in a room")
    commands.add_parser(
        "probe", add_help=False, help="watch a room as viewers do, and say how late it arrives"
    )
    cli_webhooks.add_parser(commands, common)
    cli_audit.add_parser(commands, common)
    cli_words.add_parser(commands, common)
    commands.add_parser("verify-draw", add_help=False, help="recompute a lottery's draw from its file")
    doctor = commands.add_parser("doctor", parents=[common], help="say what is wrong with config or machine")
    doctor.set_defaults(do=_doctor)
    reconcile = commands.add_parser(
        "reconcile", parents=[common], help="prove the ledger of coins, and say what is wrong in it"
    )
    reconcile.add_argument("--json", action="store_true", help="say it as one JSON object")
    reconcile.set_defaults(do=_reconcile)
    return parser


def _overrides(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options of the command line that are settings, nested as in the config file."""
    places = {
        "host": ("listen", "host"),
        "port": ("listen", "port"),
        "udp_port": ("listen", "udp_port"),
        "data": ("node", "data_dir"),
        "roles": ("node", "roles"),
    }
    overrides: dict[str, Any] = {}
    for option, (section, name) in places.items():
        if (value := getattr(arguments, option, None)) is not None:
            overrides.setdefault(section, {})[name] = value
    for option in ("demo", "demo_public"):
        if getattr(arguments, option, None):
            overrides[option] = True
    return overrides


# serve


def _workers(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 64:
        raise argparse.ArgumentTypeError("should be 1 to 64")
    return number


def _roles(text: str) -> list[str]:
    return [role.strip() for role in text.split(",")]


def _serve(settings: Settings, arguments: argparse.Namespace) -> int:
    from server import roles  # noqa: PLC0415
    from server.workers import check  # noqa: PLC0415

    roles.check(settings)
    if arguments.workers > 1 or settings.redis_url is not None:
        check(settings, arguments.workers)
    if arguments.workers > 1:
        return asyncio.run(_supervise(settings, arguments))
    logs.configure(settings.log.level, settings.log.format)
    from server.node import Node  # noqa: PLC0415  so that the other commands start at once

    return uvloop.run(_run_node(Node(settings), supervised=arguments.supervised))


async def _supervise(settings: Settings, arguments: argparse.Namespace) -> int:
    from server.workers import Supervisor  # noqa: PLC0415

    passed_on = [str(part) for part in _passed_on(arguments)]
    return await Supervisor(settings, passed_on, arguments.workers).run()


def _passed_on(arguments: argparse.Namespace) -> Iterator[object]:
    """What of the command line is every worker's."""
    for option in ("config", "data", "host"):
        if (value := getattr(arguments, option)) is not None:
            yield from (f"--{option}", value)
    if arguments.roles is not None:
        yield from ("--roles", ",".join(arguments.roles))


async def _end_with_stdin(stop: asyncio.Event) -> None:
    """Whoever started this process holds the other end of its standard input, and writes nothing."""
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    while await reader.read(1024):
        pass
    stop.set()


async def _run_node(node: Node, *, supervised: bool) -> int:
    from server.garbage import settle  # noqa: PLC0415
    from server.node import wall_ms  # noqa: PLC0415

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    loop.add_signal_handler(signal.SIGHUP, node.domain.rulebooks.reread)
    try:
        await node.start()
    except (OSError, DBAPIError, Refused, WordListError) as error:
        print(f"danmart can't start: {error}\n`danmart doctor` may say more.", file=sys.stderr)
        await node.close()
        return FAILED
    settle()
    # One write with its newline: other threads log into the same file, and somebody waits for this line.
    print(f"danmart ready {node.url} udp={node.picture.media.udp_port}\n", end="", flush=True)
    if node.demo is not None:
        for title, address in (await node.demo.links(node.url, wall_ms())).items():
            print(f"  {title + ':':17}{address}", flush=True)
    watching = asyncio.create_task(_end_with_stdin(stop)) if supervised else None
    await stop.wait()
    if watching is not None:
        watching.cancel()
    # A second signal means: now.
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(name)
    await node.close()
    return OK


# token, host-link


def _token(settings: Settings, arguments: argparse.Namespace) -> int:
    print(
        _signed(
            settings,
            arguments.user,
            arguments.name or arguments.user,
            arguments.hours,
            operator=arguments.operator,
            may_host=arguments.may_host,
        )
    )
    return OK


def _signed(settings: Settings, user: str, name: str, hours: float, *, operator: bool, may_host: bool) -> str:
    from server.node import wall_ms  # noqa: PLC0415

    return sign(
        node_secret(settings),
        user,
        name,
        now_ms=wall_ms(),
        life_s=round(hours * 3600),
        operator=operator,
        may_host=may_host,
    )


def _host_link(settings: Settings, arguments: argparse.Namespace) -> int:
    host = Caller(arguments.user, arguments.name, may_host=True)
    try:
        room = CreateRoom(id=arguments.room, title=arguments.title or arguments.room)
    except ValueError:
        print("--room: lower-case letters, digits, - and _, at most 64", file=sys.stderr)
        return BAD_USAGE
    from server.node import Node  # noqa: PLC0415

    problem = asyncio.run(_make_room(Node(settings), room, host))
    if problem:
        print(problem, file=sys.stderr)
        return FAILED
    token = _signed(settings, arguments.user, arguments.name, arguments.hours, operator=False, may_host=True)
    public = settings.listen.public_url
    url = arguments.url or (str(public) if public else f"http://127.0.0.1:{settings.listen.port}")
    print(f"{url.rstrip('/')}/studio/{arguments.room}#token={token}")
    return OK


async def _make_room(node: Node, room: CreateRoom, host: Caller) -> str | None:
    """Create the room unless this host has it already; says what is wrong, or None."""
    from server.store.group import Work  # noqa: PLC0415

    await node.store.start()
    try:
        row = await node.store.read(lambda conn: read_room(conn, str(room.id)))
        if row is not None:
            mine = row.host_id == host.id
            return (
                None if mine else f"The room {room.id} belongs to {row.host_id}: choose another, or --user."
            )
        answer = await node.store.write(
            Work("room.create", lambda tx: node.services.lifecycle.create(tx, room, host))
        )
        return None if answer.ok else f"The room could not be created: {answer.code}"
    finally:
        await node.store.close()


# doctor


def _doctor(settings: Settings, _: argparse.Namespace) -> int:
    from server.doctor import diagnose  # noqa: PLC0415

    findings = asyncio.run(diagnose(settings))
    for finding in findings:
        print(f"{finding.level:5}  {finding.what}")
        if finding.advice:
            print(f"       → {finding.advice}")
    return FAILED if any(finding.level == "error" for finding in findings) else OK


# reconcile


def _reconcile(settings: Settings, arguments: argparse.Namespace) -> int:
    from server.reconcile import run as reconcile  # noqa: PLC0415

    return OK if reconcile(settings, as_json=arguments.json) else FAILED


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
