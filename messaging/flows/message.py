"""Messages: sent, taken back, extended, received.

A send is one unit: customers found or made, bucket keys durable, messages and bodies, sealed records, entries last. It
commits whole or not at all, so archived = sent (I5). Nothing is written at an end: reads compare `gone_at` with the clock.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from archive.flows import record
from archive.queries import rules
from messaging import push
from messaging.flows import (
    attachment,
    body,
    conversation,
    frontdesk,
    lookout,
    notice,
    recipient,
    snapshot,
    telling,
    terms,
    written,
)
from messaging.models import Body, Message
from messaging.queries import customers, policy
from messaging.rules import compose, state
from portal.kernel import actors, bulk, clock, ids, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal, not_found

BATCH_LIMIT = 1000
MESSAGE_COLUMNS = (
    "id", "customer_id", "conversation_id", "direction", "author", "category", "in_reply_to", "format", "tap_to_reveal",
    "gone_after", "gone_after_read", "was_extended", "composed_at", "send_at", "sent_at", "gone_at", "notify_at",
    "ended_reason", "outcome", "archived_until", "rule",
)  # fmt: skip
BODY_COLUMNS = ("message_id", "bucket", "gone_at", "wrap", "sealed")


@dataclass(slots=True)
class Sent:
    """What became of one message. `draft`, there once it is stored, knows its index in the ledger after the commit."""

    id: UUID
    customer_id: UUID
    state: str
    gone_at: datetime
    archived_until: datetime | None
    rule: str
    draft: unit.Draft | None = None

    @property
    def index(self) -> int:
        return self.draft.index if self.draft else -1


@dataclass(frozen=True, slots=True)
class _Ready:
    """A message that passed every check and has its recipient."""

    asked: compose.Compose
    to: customers.Recipient
    id: UUID
    terms: terms.Terms
    files: attachment.Entries


def send_many(*, actor: Actor, now: datetime, composed: list[compose.Compose]) -> list[Sent | Refusal]:
    """Send or schedule each on its own; the answer keeps the order. One transaction for all that are accepted."""
    actor.require("message.send")
    current = policy.get_policy()
    answers: list[Sent | Refusal | None] = [_refusal(asked, current, now) for asked in composed]
    with unit.work() as u:
        found = recipient.resolve(u, actor=actor, now=now, composed=composed, refused=answers)
        ready: list[_Ready] = []
        terms_of, writer = _remembered_terms(now), written.Writer()
        taker = _taker(actor, now, composed, answers)
        for place, (asked, to) in enumerate(zip(composed, found, strict=True)):
            if answers[place] is None and to is not None:
                try:
                    its = terms_of(asked)
                    one = _Ready(
                        writer.write(asked, to), to, ids.uuid7(), its, taker.put_in(asked.attachments, its.life)
                    )
                except Refusal as refusal:
                    answers[place] = refusal
                    continue
                ready.append(one)
                answers[place] = _sent(one)
        accepted = [answer for answer in answers if isinstance(answer, Sent)]
        taker.settle()
        _store(u, actor, ready, accepted, now)
        _check_time_left(ready)
    return [answer for answer in answers if answer is not None]


def send(*, actor: Actor, now: datetime, asked: compose.Compose) -> Sent:
    """Send one, or raise its refusal."""
    answer = send_many(actor=actor, now=now, composed=[asked])[0]
    if isinstance(answer, Refusal):
        raise answer
    return answer


def recall(*, actor: Actor, now: datetime, message_id: UUID) -> None:
    """Gone from every device at once; a scheduled one is cancelled. The row of its body goes now, its residue with the
    bucket (I2). The archive keeps its record."""
    actor.require("message.recall")
    with unit.work() as u:
        row = _locked(message_id)
        if state.has_ended(row, now) or row.direction == Message.Direction.IN:
            raise Refusal("already_ended", "This message has ended already.", Kind.CONFLICT)
        kind = "message.recalled" if row.sent_at else "message.cancelled"
        end_early(row, now, "recalled", outcome="recalled")
        u.entry(draft_of(kind, actor, row))
        if row.sent_at:  # of a scheduled one the customer never knew
            push.gone(u, [(row.id, row.customer_id)], "recalled")


def extend(*, actor: Actor, now: datetime, message_id: UUID, seconds: int | None = None) -> datetime:
    """Let a live message live longer: `seconds` from now, by default as long again as it was given. Only before its end.

    Only its key moves to a later bucket; the body stays as it is."""
    actor.require("message.extend")
    limits = policy.get_policy().limits
    with unit.work() as u:
        row = _locked(message_id)
        if row.sent_at is None or state.has_ended(row, now) or row.gone_at is None:
            raise Refusal("already_ended", "This message has ended already.", Kind.CONFLICT)
        life = seconds if seconds is not None else row.gone_after or limits.gone_after
        compose.check_life(life, limits.maximum_gone_after, "gone_after")
        _move_end(row, now, now + timedelta(seconds=life))
        u.entry(draft_of("message.extended", actor, row, gone_at=row.gone_at))
        push.arrived(u, [(row.id, row.customer_id)])
    return row.gone_at


def extend_from_device(*, actor: Actor, now: datetime, message_id: UUID) -> datetime:
    """The customer's own extension: once, as long again, where the message allows it (WCAG 2.2.1)."""
    with unit.work() as u:
        row = _locked(message_id)
        if row.customer_id not in actor.customers or state.has_ended(row, now) or row.gone_at is None:
            raise not_found("message")
        if not may_extend(row):
            raise Refusal("cannot_extend", "This message cannot be extended.", Kind.CONFLICT)
        row.was_extended = True
        longest = now + timedelta(seconds=policy.get_policy().limits.maximum_gone_after)
        _move_end(row, now, min(row.gone_at + timedelta(seconds=row.gone_after or 0), longest))
        u.entry(draft_of("message.extended", actor, row, gone_at=row.gone_at))
        push.arrived(u, [(row.id, row.customer_id)])
    return row.gone_at


def may_extend(row: Message) -> bool:
    """Once, by the customer, where the business lets them, unless a read timer makes the brevity the point."""
    fits = row.direction == Message.Direction.OUT and not row.was_extended and row.gone_after_read is None
    return fits and policy.get_policy().desk.lets_extend


def receive(
    *, actor: Actor, now: datetime, customer_id: UUID, text: str, in_reply_to: UUID | None = None,
    attachments: tuple[UUID, ...] = (),
) -> UUID:  # fmt: skip
    """What a customer wrote: archived as it arrives, readable for staff until its conversation is closed plus the policy's
    days. It has no end while the conversation is open."""
    if customer_id not in actor.customers:
        raise not_found("customer")
    compose.check_reply(text, attachments)
    with unit.work() as u:
        found = customers.get_recipients([customer_id]).get(customer_id)
        if found is None:
            raise not_found("customer")
        talk = conversation.open_for(customer_id=customer_id, now=now)
        message_id = ids.uuid7()
        keep = rules.retention_for(category="", kind="message.received", at=now)
        row = _received_row(message_id, found.id, talk.id, actor.label, in_reply_to, now, keep)
        bulk.insert("messaging_message", MESSAGE_COLUMNS, [row])
        taker = attachment.Taker(actor, now, attachments, now)
        content: body.Content = {"subject": "", "body": text, "attachments": taker.put_in(attachments, None)}
        taker.settle()
        bucket = body.bucket_for(now, policy.words_live_until(now))
        sealed = body.seal(message_id=message_id, customer_id=found.id, content=content, bucket=bucket)
        bulk.insert("messaging_body", BODY_COLUMNS, [(message_id, bucket, None, sealed.wrap, sealed.sealed)])
        record.keep(
            u, [snapshot.take("message.received", actor, found, message_id, "in", "", "text", now, None, keep, content)]
        )
        push.arrived(u, [(message_id, found.id)])
        telling.messages("message.received", now, [(message_id, found.id)], conversation=str(talk.id))
        if told := frontdesk.answer_for(now=now, talk=talk, language=found.language):
            send_many(actor=actors.SYSTEM, now=now, composed=[told])  # who wants no answers gets none
    return message_id


def end_early(row: Message, now: datetime, reason: str, *, outcome: str) -> None:
    """End one message before its time, in the caller's unit: the body's row goes at once. Its outcome is set only if it
    had none."""
    Body.objects.filter(message_id=row.id).delete()
    row.ended_at, row.ended_reason, row.notify_at = now, reason, None
    if row.outcome == "":
        row.outcome, row.outcome_at = outcome, now
    row.save(update_fields=["ended_at", "ended_reason", "notify_at", "outcome", "outcome_at"])


def draft_of(kind: str, actor: Actor, row: Message, gone_at: datetime | None = None) -> unit.Draft:
    return unit.Draft(
        kind, actor.label, subject=recipient.subject_of(row.customer_id), customer=row.customer_id, message=row.id,
        gone_at=gone_at,
    )  # fmt: skip


def _refusal(asked: compose.Compose, current: policy.Current, now: datetime) -> Refusal | None:
    try:
        compose.check(asked, current.limits, now)
        if asked.category and asked.category not in current.categories:
            raise Refusal("unknown_category", "There is no such category.", field="category")
    except Refusal as refusal:
        return refusal
    return None


def _taker(
    actor: Actor, now: datetime, composed: list[compose.Compose], answers: list[Sent | Refusal | None]
) -> attachment.Taker:
    """The files that messages which were not refused want."""
    wanting = [one for one, no in zip(composed, answers, strict=True) if no is None and one.attachments]
    until = max((one.send_at or now for one in wanting), default=now)
    return attachment.Taker(actor, now, [pk for one in wanting for pk in one.attachments], until)


def _remembered_terms(now: datetime) -> Callable[[compose.Compose], terms.Terms]:
    """`_terms` for the messages of one batch: reckoned once for those that ask for the same."""
    known: dict[tuple[str, int | None, datetime | None], terms.Terms] = {}

    def terms_of(asked: compose.Compose) -> terms.Terms:
        same = (asked.category, asked.gone_after, asked.send_at)
        found = known.get(same)
        if found is None:
            found = known[same] = _terms(asked, now)
        return found

    return terms_of


def _terms(asked: compose.Compose, now: datetime) -> terms.Terms:
    current = policy.get_policy()
    life = compose.life(asked, current.categories.get(asked.category), current.limits)
    return terms.of(category=asked.category, life=life, at=asked.send_at or now, now=now)


def _sent(one: _Ready) -> Sent:
    state_now = "scheduled" if one.asked.send_at is not None else "sent"
    return Sent(one.id, one.to.id, state_now, one.terms.gone_at, one.terms.keep.until, one.terms.keep.rule)


def _store(u: unit.Unit, actor: Actor, ready: list[_Ready], accepted: list[Sent], now: datetime) -> None:
    rows, bodies, snapshots = [], [], []
    sealer = body.Sealer()
    for one, answer in zip(ready, accepted, strict=True):
        content: body.Content = {"subject": one.asked.subject, "body": one.asked.body, "attachments": one.files}
        if one.asked.answers:
            content["answers"] = list(one.asked.answers)
        bucket, gone_at = one.terms.bucket, one.terms.gone_at
        sealed = sealer.seal(message_id=one.id, customer_id=one.to.id, content=content, bucket=bucket)
        rows.append(_row(one, actor, now))
        bodies.append((one.id, bucket, gone_at, sealed.wrap, sealed.sealed))
        if one.asked.send_at is None:
            shot = snapshot.take(
                "message.sent", actor, one.to, one.id, "out", one.asked.category, one.asked.format, now, gone_at,
                one.terms.keep, content,
            )  # fmt: skip
            snapshots.append((answer, shot))
        else:
            answer.draft = u.entry(_scheduled(one, actor))
            recipient.wake_at(one.asked.send_at)
    bulk.insert("messaging_message", MESSAGE_COLUMNS, rows)
    bulk.insert("messaging_body", BODY_COLUMNS, bodies)
    drafts = record.keep(u, [shot for _, shot in snapshots])
    for (answer, _), draft in zip(snapshots, drafts, strict=True):
        answer.draft = draft
    for one in ready:
        if one.asked.in_reply_to:
            conversation.answered(now=now, customer_id=one.to.id, upto=one.asked.in_reply_to)
    push.arrived(u, [(shot.message_id, shot.customer_id) for _, shot in snapshots])


def _scheduled(one: _Ready, actor: Actor) -> unit.Draft:
    return unit.Draft(
        "message.scheduled", actor.label, subject=one.to.subject_id, customer=one.to.id, message=one.id,
        gone_at=one.terms.gone_at,
    )  # fmt: skip


def _row(one: _Ready, actor: Actor, now: datetime) -> tuple[object, ...]:
    asked, its, waits = one.asked, one.terms, one.asked.send_at is not None
    return (
        one.id, one.to.id, None, "out", actor.label, asked.category, asked.in_reply_to, asked.format,
        asked.tap_to_reveal or asked.gone_after_read is not None, its.life, asked.gone_after_read, False,
        now, asked.send_at, None if waits else now, None if waits else its.gone_at,
        None if waits else lookout.first_look(now, has_device=one.to.has_device), "", "", its.keep.until, its.keep.rule,
    )  # fmt: skip


def _received_row(
    message_id: UUID, customer_id: UUID, talk: UUID, author: str, reply: UUID | None, now: datetime, keep: rules.Retention
) -> tuple[object, ...]:  # fmt: skip
    return (
        message_id, customer_id, talk, "in", author, "", reply, "text", False, None, None, False, now, None, now, None,
        None, "", "", keep.until, keep.rule,
    )  # fmt: skip


def _locked(message_id: UUID) -> Message:
    row = Message.objects.select_for_update().filter(id=message_id).first()
    if row is None:
        raise not_found("message")
    return row


def _move_end(row: Message, now: datetime, gone_at: datetime) -> None:
    """Set a later end and move the key to its bucket."""
    if row.gone_at is not None and gone_at <= row.gone_at:
        raise Refusal("not_later", "That would not be later than the end it has.", Kind.CONFLICT, field="gone_after")
    stored = Body.objects.select_for_update().filter(message_id=row.id).first()
    if stored is None:
        raise Refusal("already_ended", "This message has ended already.", Kind.CONFLICT)
    bucket = body.bucket_for(now, gone_at)
    stored.wrap = body.rewrap(message_id=row.id, wrap=stored.wrap, bucket=bucket)
    stored.bucket, stored.gone_at, row.gone_at = bucket, gone_at, gone_at
    row.archived_until = max(row.archived_until, gone_at) if row.archived_until else None
    stored.save(update_fields=["wrap", "bucket", "gone_at"])
    row.save(update_fields=["gone_at", "was_extended", "archived_until"])
    record.set_end(message_ids=[row.id], gone_at=gone_at)
    notice.move_end(about_id=row.id, until=gone_at)


def _check_time_left(ready: list[_Ready]) -> None:
    """The last look before the commit: what would end before it is committed is not sent (the guard of the bucket)."""
    instant = clock.now()
    if any(one.terms.gone_at <= instant for one in ready):
        raise Refusal("too_slow", "The message would have ended before it was sent. Try again.", Kind.UNAVAILABLE)
