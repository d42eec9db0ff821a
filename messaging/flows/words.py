"""Staff reading live words. The author and the conversation's assignee simply read; anyone else's reading is an entry (I9).

After its end nobody reads here: only the archive has it (I1, checked against the clock at the moment of reading)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from archive.flows import viewing
from messaging.flows import body, conversation, message
from messaging.models import Body, Conversation, Message
from messaging.queries import conversations
from messaging.rules import files, state
from portal.kernel import actors, clock, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal, not_found


@dataclass(frozen=True)
class Said:
    """One message and its words; `body` is None where it has ended or may not be read by this actor."""

    message: Message
    subject: str | None
    body: str | None
    files: tuple[dict[str, object], ...] = ()  # id, name, type, bytes
    answers: tuple[str, ...] = ()  # offered as buttons


@dataclass(frozen=True)
class Thread:
    """A conversation as it stands once it was read, and what is said in it."""

    talk: Conversation
    said: list[Said]


def read(*, actor: Actor, now: datetime, message_id: UUID) -> Said:
    """The words of one live message."""
    with unit.work() as u:
        row = Message.objects.filter(id=message_id).first()
        if row is None:
            raise not_found("message")
        is_own = row.id in _own(actor, [row])
        if not (is_own or _is_everybodys(actor, row)):
            actor.require("message.read_live")
        said = _open([row])[0]
        if said.body is not None and not is_own:
            u.entry(message.draft_of("live.read", actor, row))
        _note_seen(u, now, [said])
    return said


def read_conversation(*, actor: Actor, now: datetime, conversation_id: UUID) -> Thread:
    """A conversation with the words that are live. The customer's are the business's own mail, and reading them is an entry
    unless the reader is its assignee; what colleagues wrote opens only to who may read live words."""
    with unit.work() as u:
        talk = conversations.get_conversation_for(actor, conversation_id)
        rows = conversations.get_messages_of(talk, now)
        own, reads_all = _own(actor, rows, talk), actor.may("message.read_live")
        readable = [row for row in rows if reads_all or row.id in own or _is_everybodys(actor, row)]
        said = {one.message.id: one for one in _open(readable)}
        foreign = [row for row in readable if said[row.id].body is not None and row.id not in own]
        if foreign and talk.assignee_id != actor.id:
            u.entry(_read_draft(actor, talk, len(foreign)))
        if _note_seen(u, now, said.values()):
            talk.refresh_from_db()
    return Thread(talk, [said.get(row.id, Said(row, None, None)) for row in rows])


def ask_again(*, actor: Actor, now: datetime, message_id: UUID, reason: str) -> UUID:
    """Ask an officer for one look at a message that has ended. Only the archive has its words."""
    row = Message.objects.filter(id=message_id).first()
    if row is None:
        raise not_found("message")
    if not state.has_ended(row, now):
        raise Refusal("not_ended", "This message still lives.", Kind.CONFLICT)
    return viewing.ask(actor=actor, now=now, message_id=message_id, reason=reason)


def _is_everybodys(actor: Actor, row: Message) -> bool:
    """The customer's words, and what a closed door answered, are for whoever may see conversations."""
    said = row.direction == Message.Direction.IN or row.author == actors.SYSTEM.label
    return said and actor.may("conversation.view")


def _own(actor: Actor, rows: list[Message], known: Conversation | None = None) -> set[UUID]:
    """What they wrote, and what is said in a conversation that is assigned to them, of which one may be known: of all rows at
    once."""
    assigned = {known.id} if known and known.assignee_id == actor.id else set()
    asked = {row.conversation_id for row in rows if row.conversation_id and row.author != actor.label}
    if (asked := asked - {known.id if known else None}) and actor.id is not None:
        assigned |= set(Conversation.objects.filter(id__in=asked, assignee_id=actor.id).values_list("id", flat=True))
    return {row.id for row in rows if row.author == actor.label or row.conversation_id in assigned}


def _open(rows: list[Message]) -> list[Said]:
    now = clock.now()
    live = {row.id: row for row in rows if not state.has_ended(row, now)}
    stored = Body.objects.unended(now).filter(message_id__in=list(live))
    opened = body.open_many(
        body.Row(one.message_id, live[one.message_id].customer_id, one.wrap, one.sealed) for one in stored
    )
    return [_said(row, opened.get(row.id)) for row in rows]


def _said(row: Message, content: body.Content | None) -> Said:
    if content is None:
        return Said(row, None, None)
    shown, answers = files.shown(content.get("attachments")), cast(list[str], content.get("answers", []))
    return Said(row, str(content["subject"]), str(content["body"]), tuple(shown), tuple(answers))


def _note_seen(u: unit.Unit, now: datetime, opened: Iterable[Said]) -> bool:
    """A customer's words that somebody of the business has now had before them for the first time. → were there any?"""
    fresh: dict[UUID, list[UUID]] = {}
    for one in opened:
        row = one.message
        if one.body is not None and row.direction == "in" and row.read_at is None and row.conversation_id:
            fresh.setdefault(row.conversation_id, []).append(row.id)
    for conversation_id, message_ids in fresh.items():
        conversation.see(u, now=now, conversation_id=conversation_id, message_ids=message_ids)
    return bool(fresh)


def _read_draft(actor: Actor, talk: Conversation, count: int) -> unit.Draft:
    codes: dict[str, str | int | bool] = {"conversation": str(talk.id), "messages": count}
    return unit.Draft("live.read", actor.label, customer=talk.customer_id, codes=codes)
