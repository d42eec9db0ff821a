"""One chunk of a run, sent in one transaction: looked at again, rendered, sealed, stored, archived; done, or never touched.

The hot path of every campaign.

C1  A customer is written to once in a run: the chunk turns *done* in the transaction that stores its messages, and messages have
    UNIQUE(run, customer). Two workers never have the same chunk (SKIP LOCKED).
C2  Who may not be written to any more is suppressed, with why; who cannot be rendered or opened fails alone.
C3  A pause or a cancel is obeyed in the order of the ledger: the run's state is looked at again while the ledger is held, so no
    message of a run stands behind its *paused* or *cancelled*.
C4  Memory is a chunk's, whatever the audience.
"""

import gc
import hashlib
import logging
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import DatabaseError

from archive.flows import alike
from messaging import push
from messaging.flows import body, campaigntext, letters, lookout, run, terms
from messaging.models import Body, Campaign, Message, Run, RunChunk
from messaging.queries import eligible, policy, profiles
from portal.kernel import clock, ids, planned, rows, unit
from portal.kernel.actors import CLOCK
from portal.kernel.errors import Kind, Refusal
from portal.sealing import errors

log = logging.getLogger("ebb.campaign")
MOST_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one chunk."""

    number: int
    sent: int
    suppressed: int
    failed: int


class _To(NamedTuple):
    """A recipient: ids by their 16 bytes, the profile as it is stored."""

    id: bytes
    subject: bytes
    profile: dict[str, Any]
    language: str


@dataclass(slots=True)
class _Work:
    """A chunk under way: what its messages share, who gets one, and whom it leaves out, with why."""

    run: Run
    campaign: Campaign
    chunk: RunChunk
    now: datetime
    writer: letters.Writer
    terms: terms.Terms
    files: Sequence[Mapping[str, object]] = ()
    to: list[_To] = field(default_factory=list)
    sent: int = 0
    suppressed: dict[bytes, str] = field(default_factory=dict)
    failed: dict[bytes, str] = field(default_factory=dict)
    subjects: dict[bytes, bytes] = field(default_factory=dict)

    def leave_out(self, where: dict[bytes, str], customer: bytes, subject: bytes, why: str) -> None:
        where[customer], self.subjects[customer] = why, subject


def send_next(*, now: datetime, run_id: UUID) -> Sent | None:
    """Send one chunk of a run that is ready. None where there is nothing to do for this worker now."""
    claimed: list[tuple[int, int]] = []
    try:
        with _uncollected(), unit.work() as u:
            work = _take(run_id, now, claimed)
            return None if work is None else _send(u, work)
    except DatabaseError:
        raise  # not this chunk's fault: it is as it was, and somebody will be asked again
    except Refusal as refusal:
        if refusal.code == "run_stopped" or refusal.kind is Kind.UNAVAILABLE:
            return None
        return _break(run_id, *claimed[0], now, refusal.code, for_good=True)
    except Exception as error:  # noqa: BLE001 (whatever it is, the chunks behind it are sent)
        log.error("a chunk could not be sent", extra={"error": type(error).__name__})
        return _break(run_id, *claimed[0], now, "error", for_good=claimed[0][1] + 1 >= MOST_ATTEMPTS)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Python would look for cycles again and again among thousands of tuples that are all needed and form none: a quarter of the
    work. What a chunk makes goes when it is done, by itself."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


_CLAIM = """
    SELECT number, attempts FROM messaging_runchunk WHERE run_id = %s AND state = 'ready' ORDER BY attempts, number LIMIT 1
       FOR UPDATE SKIP LOCKED
"""


def _take(run_id: UUID, now: datetime, claimed: list[tuple[int, int]]) -> _Work | None:
    """A chunk that nobody else has, and what its messages share. The words are opened once."""
    found = Run.objects.select_related("campaign").filter(id=run_id, state=Run.State.RUNNING).first()
    claimed += planned.fetch(_CLAIM, [run_id]) if found else []
    if found is None or not claimed:
        return None
    campaign = found.campaign
    chunk = RunChunk.objects.get(run_id=run_id, number=claimed[0][0])
    files = campaigntext.files(campaign, now)
    writer = letters.Writer(campaign, campaigntext.compiled(campaign, now), now, files)
    shared = terms.of(category=campaign.category, life=campaign.gone_after or 1, at=now, now=now)
    return _Work(found, campaign, chunk, now, writer, shared, files)


def _send(u: unit.Unit, work: _Work) -> Sent:
    _look(work)
    _store(u, work)
    _leave_out(u, work)
    _done(work)
    u.look_last(lambda: _still_wanted(work))
    u.after_commit(run.told(work.run.id))
    return Sent(work.chunk.number, work.sent, len(work.suppressed), len(work.failed))


def _break(run_id: UUID, number: int, attempts: int, now: datetime, why: str, *, for_good: bool) -> Sent | None:
    """A chunk that could not be sent is tried again after the others, later by another worker, and at last fails as a whole:
    nothing of it was sent, and it can be sent again from the campaign's page."""
    with unit.work() as u:
        chunks = RunChunk.objects.filter(run_id=run_id, number=number, state=RunChunk.State.READY, attempts=attempts)
        if not chunks.update(attempts=attempts + 1) or not for_good:
            return None
        RunChunk.objects.filter(run_id=run_id, number=number).update(state=RunChunk.State.FAILED, done_at=now)
        chunk = RunChunk.objects.get(run_id=run_id, number=number)
        found = Run.objects.get(id=run_id)
        u.entry(run.draft("campaign.failed", CLOCK.label, found, customers=chunk.size, why=why))
    return Sent(number, 0, 0, chunk.size)


_RECIPIENTS = """
    SELECT uuid_send(c.id), uuid_send(c.subject_id), c.sealed_profile, c.language, {reason}
      FROM messaging_runrecipient r JOIN messaging_customer c ON c.id = r.customer_id
     WHERE r.run_id = %s AND r.customer_id BETWEEN %s AND %s AND r.chunk = %s AND r.outcome = ''
     ORDER BY r.customer_id
"""


def _look(work: _Work) -> None:
    """Everybody in the chunk as they are now. A profile that does not open fails alone."""
    reason, values = eligible.reason(policy.get_policy().purpose_of(work.campaign.category))
    chunk, book = work.chunk, profiles.Book()
    found = planned.fetch_bytes(
        _RECIPIENTS.format(reason=reason), [*values, chunk.run_id, chunk.first_id, chunk.last_id, chunk.number]
    )
    for pk, subject, sealed, language, why_not in found:
        if why_not:
            work.leave_out(work.suppressed, pk, subject, why_not)
            continue
        try:
            work.to.append(_To(pk, subject, book.read(pk, sealed), language))
        except (errors.Unsealable, ValueError):
            work.leave_out(work.failed, pk, subject, "unreadable")


def _store(u: unit.Unit, work: _Work) -> None:
    """Written, sealed, and into four tables: messages, bodies, records, and at the unit's exit the entries."""
    sealer = body.sealer_of(work.terms.bucket, len(work.to))
    messages, bodies, own = [], [], []
    listed, stored = _row(work), _body(work)
    for pk, (customer, subject, profile, language) in zip(ids.uuid7s(len(work.to)), work.to, strict=True):
        try:
            letter = work.writer.write(message=pk, customer=customer, profile=profile, language=language)
        except Refusal as refusal:
            work.leave_out(work.failed, customer, subject, refusal.code)
            continue
        wrap, sealed = sealer.seal(letter.live, pk, customer)
        messages.append(listed.fill(pk, customer))
        bodies.append(stored.fill(pk, rows.sized(wrap), rows.sized(sealed)))
        own.append(alike.Own(pk, customer, subject, letter.content, letter.words))
    work.sent = len(own)
    if own:
        rows.copy(listed, messages)
        rows.copy(stored, bodies)
        alike.keep(u, shared=_shared(work), own=own, month=work.writer.month)
        sent = [one.message for one in own]  # made in one millisecond, and within it in no order
        push.arrived_in_run(u, work.run.id, (min(sent), max(sent)), (own[0].customer, own[-1].customer))


def _row(work: _Work) -> rows.Stencil:
    campaign, its, hole = work.campaign, work.terms, rows.HOLE
    return rows.cut(Message, {
        "id": hole, "customer_id": hole, "direction": "out", "author": campaign.author, "category": campaign.category,
        "format": campaign.format, "tap_to_reveal": campaign.tap_to_reveal or campaign.gone_after_read is not None,
        "gone_after": its.life, "gone_after_read": campaign.gone_after_read, "was_extended": False, "composed_at": work.now,
        "sent_at": work.now, "gone_at": its.gone_at, "notify_at": work.now + lookout.NOTICE_DELAY, "ended_reason": "",
        "outcome": "", "archived_until": its.keep.until, "rule": its.keep.rule, "run_id": work.run.id,
    })  # fmt: skip


def _body(work: _Work) -> rows.Stencil:
    hole = rows.HOLE
    return rows.cut(
        Body,
        {"message_id": hole, "bucket": work.terms.bucket, "gone_at": work.terms.gone_at, "wrap": hole, "sealed": hole},
    )


def _shared(work: _Work) -> alike.Shared:
    campaign, its = work.campaign, work.terms
    return alike.Shared(
        kind="message.sent", actor=campaign.author, direction="out", category=campaign.category,
        purpose=policy.get_policy().purpose_of(campaign.category), sent_at=work.now, gone_at=its.gone_at,
        archived_until=its.keep.until, rule=its.keep.rule, run=work.run.id, files=work.files,
    )  # fmt: skip


_LEAVE_OUT = """
    UPDATE messaging_runrecipient AS r SET outcome = n.outcome, reason = n.reason
      FROM unnest(%s::uuid[], %s::text[], %s::text[]) AS n (customer_id, outcome, reason)
     WHERE r.run_id = %s AND r.customer_id = n.customer_id
"""


def _leave_out(u: unit.Unit, work: _Work) -> None:
    """Those who get nothing, with why: in the ledger of the run, and as one entry each for suppressed and failed."""
    left = [(UUID(bytes=pk), "suppressed", why) for pk, why in work.suppressed.items()]
    left += [(UUID(bytes=pk), "failed", why) for pk, why in work.failed.items()]
    if left:
        planned.run(_LEAVE_OUT, [*map(list, zip(*left, strict=True)), work.run.id])
    for kind, people in (("campaign.suppressed", work.suppressed), ("campaign.failed", work.failed)):
        if people:
            u.entry(_left_out(kind, work, people))


def _left_out(kind: str, work: _Work, people: dict[bytes, str]) -> unit.Draft:
    listed = b"".join(sorted(work.subjects[pk] for pk in people))
    codes: dict[str, str | int | bool] = {"campaign": str(work.campaign.id), **Counter(people.values())}
    return unit.Draft(
        kind, CLOCK.label, run=work.run.id, count=len(people), ids_sha256=hashlib.sha256(listed).hexdigest(), codes=codes,
        detail={"subjects": b64encode(listed).decode()},
    )  # fmt: skip


def _done(work: _Work) -> None:
    """A chunk's size is who was in it: it adds up, by constraint."""
    RunChunk.objects.filter(run_id=work.run.id, number=work.chunk.number).update(
        sent=work.sent, suppressed=len(work.suppressed), failed=len(work.failed), state=RunChunk.State.DONE,
        done_at=clock.now(), gone_at=work.terms.gone_at,
    )  # fmt: skip


def _still_wanted(work: _Work) -> None:
    """While the ledger is held, right before the commit (C3)."""
    if not planned.fetch("SELECT 1 FROM messaging_run WHERE id = %s AND state = 'running'", [work.run.id]):
        raise Refusal("run_stopped", "This run was paused or cancelled.", Kind.CONFLICT)
    if work.terms.gone_at <= clock.now():
        raise Refusal("too_slow", "The messages would have ended before they were sent.", Kind.UNAVAILABLE)
