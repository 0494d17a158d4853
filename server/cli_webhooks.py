"""``danmart webhooks``: endpoints, what was delivered to them, and replays by hand, on the machine itself.

It does what the API does, by the same handlers, and needs no token but the database. A running node begins
with what is replayed within a second.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import ValidationError

from rooms.errors import Refused
from server.config import Settings

if TYPE_CHECKING:
    from server.node import Node

OK, FAILED, BAD_USAGE = 0, 1, 2
LISTED_MAX = 200

Do = Callable[["Node", argparse.Namespace], Awaitable[Iterator[str]]]


def add_parser(commands: Any, common: argparse.ArgumentParser) -> None:
    """The sub-command, for the command line's parser."""
    parser = commands.add_parser("webhooks", help="endpoints, deliveries, dead letters, replays")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", parents=[common], help="every endpoint and how it fares")
    listing.set_defaults(do=_run, act=_list)

    deliveries = actions.add_parser(
        "deliveries", parents=[common], help="what was delivered, waits or is dead"
    )
    deliveries.add_argument("endpoint", help="the endpoint's id")
    deliveries.add_argument("--status", choices=("waiting", "dead", "delivered"), help="only these")
    deliveries.add_argument(
        "--limit", type=int, default=50, help=f"so many, the latest first (50; {LISTED_MAX})"
    )
    deliveries.set_defaults(do=_run, act=_deliveries)

    replay = actions.add_parser("replay", parents=[common], help="send something once more")
    replay.add_argument("endpoint", help="the endpoint's id")
    replay.add_argument("--delivery", metavar="ID", help="one delivery")
    replay.add_argument("--status", choices=("waiting", "dead", "delivered"), default="dead")
    replay.add_argument("--from-ms", type=int, metavar="MS", help="what happened from then on (Unix ms)")
    replay.add_argument("--to-ms", type=int, metavar="MS", help="and before then")
    replay.add_argument("--room", help="what a log of this room says, however old it is")
    replay.add_argument("--log", choices=("room", "staff"), default="staff", help="which log (staff)")
    replay.add_argument("--from-offset", type=int, default=1, metavar="N", help="from this entry on (1)")
    replay.add_argument("--to-offset", type=int, metavar="N", help="up to this one (the last)")
    replay.add_argument("--id", metavar="ID", help="of the log only the message with this webhook-id")
    replay.set_defaults(do=_run, act=_replay)


def _run(settings: Settings, arguments: argparse.Namespace) -> int:
    from server.node import Node  # noqa: PLC0415

    try:
        for line in asyncio.run(_acted(Node(settings), arguments)):
            print(line)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        print(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", file=sys.stderr)
        return BAD_USAGE
    except Refused as refusal:
        print(refusal.message, file=sys.stderr)
        return FAILED
    return OK


async def _acted(node: Node, arguments: argparse.Namespace) -> list[str]:
    await node.store.start()
    try:
        act: Do = arguments.act
        return list(await act(node, arguments))
    finally:
        await node.store.close()


async def _list(node: Node, _: argparse.Namespace) -> Iterator[str]:
    from server.node import wall_ms  # noqa: PLC0415
    from server.webhooks.reading import read_endpoints  # noqa: PLC0415

    known = await node.store.read(read_endpoints)
    cards = [e.wire(lease.health, wall_ms()) for e, lease in known if e.status != "deleted"]
    return (f"{card['id']}  {card['status']:8}  {card['url']}  {','.join(card['types'])}" for card in cards)


async def _deliveries(node: Node, arguments: argparse.Namespace) -> Iterator[str]:
    from server.webhooks.reading import read_deliveries  # noqa: PLC0415

    limit = max(1, min(arguments.limit, LISTED_MAX))
    rows = await node.store.read(
        lambda conn: read_deliveries(conn, arguments.endpoint, status=arguments.status, limit=limit)
    )
    return (
        f"{row.id}  {row.status:9}  {row.type:24}  {row.room_id}/{row.log}/{row.position}"
        f"  attempts={row.attempts}  {row.error or row.http_status or ''}"
        for row in rows
    )


async def _replay(node: Node, arguments: argparse.Namespace) -> Iterator[str]:
    """Everything that was asked for, in the bounded steps that the API has."""
    from server.webhooks.endpoints import Replay  # noqa: PLC0415
    from server.webhooks.replaying import LogSpan, replay_log  # noqa: PLC0415

    endpoint, replayed = arguments.endpoint, 0
    if arguments.delivery is not None:
        one = arguments.delivery.removeprefix("msg_")
        replayed = (await _written(node, lambda tx: node.endpoints.replay_one(tx, endpoint, one)))["replayed"]
    elif arguments.room is not None:
        at: int | None = arguments.from_offset
        while at is not None:
            span = LogSpan(
                room=arguments.room,
                log=arguments.log,
                from_offset=at,
                to_offset=arguments.to_offset or 2**53,
                id=arguments.id,
            )
            answer = await _written(node, lambda tx, s=span: replay_log(tx, endpoint, s))
            replayed, at = replayed + answer["replayed"], answer["next_offset"]
    else:
        wanted = Replay(
            from_ms=arguments.from_ms or 0, to_ms=arguments.to_ms or 2**53, status=arguments.status
        )
        more = True
        while more:
            answer = await _written(node, lambda tx: node.endpoints.replay(tx, endpoint, wanted))
            replayed, more = replayed + answer["replayed"], answer["more"]
    return iter([f"{replayed} to be sent once more"])


async def _written(node: Node, steps: Any) -> dict[str, Any]:
    """A handler's answer. Raises ``Refused``."""
    from server.store.group import Work  # noqa: PLC0415

    answer = await node.store.write(Work("webhook.replay", steps))
    wire: dict[str, Any] = orjson.loads(answer.body)
    if not answer.ok:
        raise Refused(wire["error"]["code"], wire["error"]["message"])
    return wire
