"""The quizzes' commands: started, asked, answered, closed, ended; and what a quiz does by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rooms.errors import Refused
from rooms.heads import ROOMS, TIMERS, USERS, TimerRow
from rooms.play import prizes
from rooms.play.quizzes import awarding, rules
from rooms.play.quizzes.commands import AnswerQuestion, QuizRef, StartQuiz
from rooms.play.quizzes.rules import Arrival
from rooms.play.quizzes.store import (
    ANSWERS,
    LEADERS_SHOWN,
    PLAYERS,
    QUESTIONS,
    QUIZZES,
    PlayerRow,
    QuestionRow,
    QuizRow,
    read_best,
    read_running,
)
from rooms.ports import About, Audit, Caller, Standing, TextRules
from rooms.rows import Steps, new_id
from rooms.unit import Unit
from rooms.wallet.news import tell_wallet
from rooms.wording import Worded, worded

TITLE_MAX_CHARS = 60
QUESTION_MAX_CHARS = 200
OPTION_MAX_CHARS = 60
AT_ONCE_MAX = 1
TURN_TIMER = "quiz.turn"
OVER_TIMER = "quiz.room_over"


class Quizzes:
    """The commands ``quiz.start``, ``.ask``, ``.answer``, ``.close``, ``.end``, and :meth:`turn`, by which a
    quiz goes on when its time has come, whichever node is alive then.

    A question's right option is nowhere but in its row until it is closed. Each step that sets
    ``next_at_ms`` sets a timer for it, so timers of steps that came otherwise find nothing to do.
    """

    def __init__(self, standing: Standing, texts: TextRules, audit: Audit) -> None:
        self._standing = standing
        self._texts = texts
        self._audit = audit

    def start(self, tx: Unit, cmd: StartQuiz, caller: Caller) -> Steps[Any]:
        """Put the prizes aside and show that there is a quiz. The caller pays for coins.

        Refuses with ``forbidden``, ``too_many`` (running in this room), ``text_…``, and what
        :func:`rooms.play.prizes.hold` refuses with.
        """
        wanted = [prize.prize for prize in cmd.prizes]
        holder = prizes.Holder(new_id(), cmd.room, caller.id or "", "")
        yield from prizes.load(tx, holder, wanted)
        yield USERS.rows(caller.id or "")
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        yield from prizes.load_titles(tx, holder, wanted)
        tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "run_play")
        title = worded(self._texts, cmd.title, TITLE_MAX_CHARS, About("title", cmd.room, caller.id))
        questions = self._questions(cmd, holder.id)
        fresh = sum(row.room_id == cmd.room for row in tx.fresh(QUIZZES))
        if len(read_running(tx.conn, cmd.room, rules.RUNNING)) + fresh >= AT_ONCE_MAX:
            raise Refused("too_many", details={"limit": AT_ONCE_MAX})
        held, movement = prizes.hold(tx, holder, wanted)
        if movement:
            coins = sum(prize.amount * prize.count for prize in held if prize.kind == "coins")
            tell_wallet(tx, caller.id or "", movement, -coins)
        pause_ms = rules.IDLE_MS if cmd.auto_s is None else cmd.auto_s * 1000
        quiz = QuizRow(
            id=holder.id,
            room_id=cmd.room,
            payer_id=caller.id or "",
            title=title,
            phase="open",
            total=len(questions),
            number=0,
            auto_s=cmd.auto_s,
            next_at_ms=tx.now_ms + pause_ms,
            prizes=[prize.wire() for prize in held],
            prizes_for=cmd.prizes_for,
            opened_at_ms=tx.now_ms,
        )
        for question in questions:
            tx.put(QUESTIONS, question)
        tx.append(cmd.room, "quiz.opened", {"quiz": _put(tx, quiz, None).wire(None)})
        self._audit.note(tx, cmd.room, caller, "quiz.start", quiz.id, {"title": title})
        return {"quiz": quiz.wire(None)}

    def _questions(self, cmd: StartQuiz, quiz_id: str) -> list[QuestionRow]:
        texts = Worded(self._texts, About("title", cmd.room))
        return [
            QuestionRow(
                quiz_id,
                number,
                texts.clean(question.text, QUESTION_MAX_CHARS),
                [texts.clean(option, OPTION_MAX_CHARS) for option in question.options],
                question.right,
                question.seconds,
                [0] * len(question.options),
            )
            for number, question in enumerate(cmd.questions, 1)
        ]

    def ask(self, tx: Unit, cmd: QuizRef, caller: Caller) -> Steps[Any]:
        """Ask the next question. Refuses with ``forbidden``, ``not_found``, ``over``, ``question_open``."""
        quiz = yield from self._run(tx, cmd, caller, asks=True)
        quiz, question = _ask(tx, quiz)
        return {"quiz": quiz.wire(question)}

    def close(self, tx: Unit, cmd: QuizRef, caller: Caller) -> Steps[Any]:
        """Cut the countdown short: it is over now. What was received until then still counts, so the
        question closes ``CLOSES_AFTER_MS`` later. Refuses with ``forbidden``, ``not_found``, ``over``."""
        quiz = yield from self._run(tx, cmd, caller)
        rules.refuse_unless_running(quiz)
        question = tx.get(QUESTIONS, quiz.id, quiz.number)
        if quiz.phase != "asked" or question is None:
            raise Refused("over", "No question is open.", details={"question": quiz.number})
        if tx.now_ms < (question.ends_at_ms or 0):
            question = tx.put(QUESTIONS, replace(question, ends_at_ms=tx.now_ms))
            quiz = _put(tx, replace(quiz, next_at_ms=tx.now_ms + rules.CLOSES_AFTER_MS), quiz)
            tx.append(cmd.room, "quiz.asked", {"quiz": quiz.wire(question)})
        return {"quiz": quiz.wire(question)}

    def end(self, tx: Unit, cmd: QuizRef, caller: Caller) -> Steps[Any]:
        """End it with the places as they are now; prizes follow by themselves. Refuses with ``forbidden``,
        ``not_found``, ``over``, ``question_open``."""
        quiz = yield from self._run(tx, cmd, caller)
        rules.refuse_unless_running(quiz)
        if quiz.phase == "asked":
            raise Refused("question_open", details={"question": quiz.number})
        self._audit.note(tx, cmd.room, caller, "quiz.end", quiz.id, {})
        return {"quiz": _end(tx, quiz, "host").wire(tx.get(QUESTIONS, quiz.id, quiz.number))}

    def _run(self, tx: Unit, cmd: QuizRef, caller: Caller, *, asks: bool = False) -> Steps[QuizRow]:
        """What those who run a quiz need: it, the current question, and with ``asks`` the next one."""
        yield QUIZZES.rows(cmd.quiz)
        found = tx.get(QUIZZES, cmd.quiz)
        # Others of this group may ask a question before this one's turn comes.
        numbers = range(found.number, found.total + 1) if found else ()
        yield QUESTIONS.rows(*((cmd.quiz, number) for number in numbers))
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "run_play")
        quiz = _quiz(tx, cmd.room, cmd.quiz)
        if asks:
            rules.next_number(quiz)
        return quiz

    def answer(self, tx: Unit, cmd: AnswerQuestion, caller: Caller, at: Arrival) -> Steps[Any]:
        """One answer a person and question, never changed. ``at`` is when the server received it.

        Refuses with ``forbidden`` (also those who run quizzes here), ``not_found``, and what
        :func:`rooms.play.quizzes.rules.judge` refuses with.
        """
        user_id = caller.id or ""
        yield QUIZZES.rows(cmd.quiz)
        yield QUESTIONS.rows((cmd.quiz, cmd.question))
        yield ANSWERS.rows((cmd.quiz, user_id, cmd.question))
        yield PLAYERS.rows((cmd.quiz, user_id))
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        tx.room(cmd.room)
        role = self._standing.require(tx, cmd.room, caller, "play")
        quiz = _quiz(tx, cmd.room, cmd.quiz)
        if self._standing.may(role, "run_play"):
            raise Refused("forbidden", "Who runs a quiz doesn't take part in it.")
        question = tx.get(QUESTIONS, quiz.id, cmd.question)
        known = tx.get(ANSWERS, quiz.id, user_id, cmd.question)
        answer = tx.put(ANSWERS, rules.judge(quiz, question, cmd.option, known, user_id, at))
        player = tx.get(PLAYERS, quiz.id, user_id)
        if player is None:
            player = PlayerRow(quiz.id, user_id, caller.name)
            tx.put(QUIZZES, replace(quiz, players=quiz.players + 1))
        if question is not None:
            tx.put(PLAYERS, rules.scored(player, answer, right=cmd.option == question.solution))
            question = tx.put(QUESTIONS, rules.counted(question, cmd.option))
            tx.count(cmd.room, quiz.id, **question.signal())
        return {"answer": {"question": cmd.question, "option": cmd.option}}

    def turn(self, tx: Unit, timer: TimerRow) -> Steps[Any]:
        """The timer of ``next_at_ms``: close the question, ask the next one, end it, or award some prizes."""
        yield TIMERS.rows(timer.id)
        yield QUIZZES.rows(timer.ref)
        if tx.get(TIMERS, timer.id) is None:
            return {}
        found = tx.get(QUIZZES, timer.ref)
        if found is None or found.phase in ("ended", "cancelled") or found.next_at_ms > tx.now_ms:
            tx.drop(TIMERS, timer.id)
            return {}
        if found.phase == "awarding":
            yield from awarding.award_some(tx, found, TURN_TIMER)
        else:
            yield QUESTIONS.rows((found.id, found.number), (found.id, found.number + 1))
            yield ROOMS.rows(found.room_id)
            quiz = tx.get(QUIZZES, timer.ref)
            # Somebody in this group may have moved it on before, with a timer of its own.
            if quiz is not None and _step_of(quiz) == _step_of(found):
                _go_on(tx, quiz)
        tx.drop(TIMERS, timer.id)
        return {}

    def room_over(self, tx: Unit, timer: TimerRow) -> Steps[Any]:
        """The timer of a room's end: what runs in it is called off, and all its prizes go back."""
        yield TIMERS.rows(timer.id)
        # One at a time, since prizes are locked in an order of their own.
        running = read_running(tx.conn, timer.room_id, rules.RUNNING)
        yield QUIZZES.rows(*running[:1])
        found = tx.get(QUIZZES, running[0]) if running else None
        if found is not None:
            yield from prizes.load(tx, found.holder, found.held)
            yield USERS.rows(found.payer_id)
        yield ROOMS.rows(timer.room_id)
        if tx.get(TIMERS, timer.id) is None:
            return {}
        tx.drop(TIMERS, timer.id)
        quiz = tx.get(QUIZZES, found.id) if found else None
        if quiz is not None and quiz.phase in rules.RUNNING:
            awarding.call_off(tx, quiz)
        if len(running) > 1:
            tx.wake(OVER_TIMER, timer.ref, timer.room_id, tx.now_ms)
        return {}


def _quiz(tx: Unit, room_id: str, quiz_id: str) -> QuizRow:
    quiz = tx.get(QUIZZES, quiz_id)
    if quiz is None or quiz.room_id != room_id:
        raise Refused("not_found", "There is no such quiz in this room.")
    return quiz


def _put(tx: Unit, quiz: QuizRow, before: QuizRow | None) -> QuizRow:
    """Write the quiz, and have it woken when it is to go on."""
    if before is None or before.next_at_ms != quiz.next_at_ms:
        tx.wake(TURN_TIMER, quiz.id, quiz.room_id, quiz.next_at_ms)
    return tx.put(QUIZZES, quiz)


def _step_of(quiz: QuizRow) -> tuple[str, int, int]:
    return quiz.phase, quiz.number, quiz.next_at_ms


def _go_on(tx: Unit, quiz: QuizRow) -> None:
    if quiz.phase == "asked":
        _close(tx, quiz)
    elif quiz.auto_s is not None and quiz.number < quiz.total:
        _ask(tx, quiz)
    else:
        _end(tx, quiz, "over" if quiz.number == quiz.total else "idle")


def _ask(tx: Unit, quiz: QuizRow) -> tuple[QuizRow, QuestionRow]:
    number = rules.next_number(quiz)
    question = tx.get(QUESTIONS, quiz.id, number)
    if question is None:
        raise LookupError(f"question {number} of quiz {quiz.id} is gone")
    ends_at_ms = tx.now_ms + question.seconds * 1000
    question = tx.put(QUESTIONS, replace(question, asked_at_ms=tx.now_ms, ends_at_ms=ends_at_ms))
    asked = replace(quiz, phase="asked", number=number, next_at_ms=ends_at_ms + rules.CLOSES_AFTER_MS)
    asked = _put(tx, asked, quiz)
    tx.append(quiz.room_id, "quiz.asked", {"quiz": asked.wire(question)})
    tx.count(quiz.room_id, quiz.id, **question.signal())
    return asked, question


def _close(tx: Unit, quiz: QuizRow) -> None:
    """The answers are final: show the right one, the counts, and the first places."""
    question = tx.get(QUESTIONS, quiz.id, quiz.number)
    if question is None:
        raise LookupError(f"question {quiz.number} of quiz {quiz.id} is gone")
    question = tx.put(QUESTIONS, replace(question, closed_at_ms=tx.now_ms))
    # Points only grow, so who leads is among those who led before and those who answered in this unit.
    players = tx.take_in(PLAYERS, read_best(tx.conn, quiz.id))
    best = rules.leaders([player for player in players if player.quiz_id == quiz.id], LEADERS_SHOWN)
    pause_ms = rules.IDLE_MS if quiz.auto_s is None else quiz.auto_s * 1000
    closed = replace(
        quiz, phase="closed", next_at_ms=tx.now_ms + pause_ms, leaders=[player.wire() for player in best]
    )
    tx.append(quiz.room_id, "quiz.closed", {"quiz": _put(tx, closed, quiz).wire(question)})


def _end(tx: Unit, quiz: QuizRow, reason: str) -> QuizRow:
    """No more questions. Prizes are awarded from the next transaction on: it reads who won."""
    ended = replace(
        quiz,
        phase="awarding" if quiz.prizes else "ended",
        next_at_ms=tx.now_ms,
        ended_at_ms=tx.now_ms,
    )
    tx.append(quiz.room_id, "quiz.ended", {"id": quiz.id, "reason": reason, "leaders": quiz.leaders or []})
    if quiz.prizes:
        tx.wake(TURN_TIMER, quiz.id, quiz.room_id, tx.now_ms)
    return tx.put(QUIZZES, ended)
