"""Quizzes and polls over HTTP: a room's list, and what became of one."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from moderation.permissions import Action, may
from rooms.errors import Refused
from rooms.play.polls.store import read_poll, read_polls
from rooms.play.quizzes.store import read_questions, read_quiz, read_quizzes
from server.api.context import API, ok, page_args

routes = web.RouteTableDef()


@routes.get("/api/v1/rooms/{room}/quizzes")
async def list_quizzes(request: web.Request) -> web.Response:
    """A room's quizzes, newest first, without their questions."""
    api = request.app[API]
    room_id, *_ = await api.in_room(request)
    cursor, limit = page_args(request)
    rows = await api.store.read(lambda conn: read_quizzes(conn, room_id, before=cursor, limit=limit))
    return ok(
        {"items": [row.wire(None) for row in rows], "next": rows[-1].id if len(rows) == limit else None}
    )


@routes.get("/api/v1/rooms/{room}/quizzes/{quiz}")
async def get_quiz(request: web.Request) -> web.Response:
    """A quiz with the questions that were asked; for who runs quizzes, with all of them and what is right."""
    api = request.app[API]
    room_id, _, _, role = await api.in_room(request)
    quiz_id, runs = request.match_info["quiz"], may(role, Action.RUN_PLAY)
    found = await api.store.read(lambda conn: _read_quiz(conn, room_id, quiz_id, runs=runs))
    if found is None:
        raise Refused("not_found")
    return ok(found)


@routes.get("/api/v1/rooms/{room}/polls")
async def list_polls(request: web.Request) -> web.Response:
    """A room's polls, newest first, with the counts of those that are closed."""
    api = request.app[API]
    room_id, *_ = await api.in_room(request)
    cursor, limit = page_args(request)
    rows = await api.store.read(lambda conn: read_polls(conn, room_id, before=cursor, limit=limit))
    return ok({"items": [row.wire() for row in rows], "next": rows[-1].id if len(rows) == limit else None})


@routes.get("/api/v1/rooms/{room}/polls/{poll}")
async def get_poll(request: web.Request) -> web.Response:
    """A poll, with its counts when it is closed. Who voted for what is told to nobody."""
    api = request.app[API]
    room_id, *_ = await api.in_room(request)
    poll_id = _id(request.match_info["poll"])
    row = await api.store.read(lambda conn: read_poll(conn, poll_id))
    if row is None or row.room_id != room_id:
        raise Refused("not_found")
    return ok(row.wire())


def _read_quiz(conn: Connection, room_id: str, quiz_id: str, *, runs: bool) -> dict[str, Any] | None:
    quiz = read_quiz(conn, _id(quiz_id))
    if quiz is None or quiz.room_id != room_id:
        return None
    questions = read_questions(conn, quiz.id)
    asked = [question for question in questions if question.number <= quiz.number]
    shown = [q.staff_wire() for q in questions] if runs else [q.wire() for q in asked]
    return quiz.wire(asked[-1] if asked else None) | {"questions": shown}


def _id(given: str) -> str:
    """What no id can be finds nothing, and no database is asked with it."""
    return given if given.isascii() and given.isprintable() else ""
