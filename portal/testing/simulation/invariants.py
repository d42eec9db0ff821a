"""What is compared, and when.

After every step   the ledger's new entries (I6: dense, in order of time), the entry that the step must have left (I5, I9), and
                   every message the step touched, its body and its record with it (I1, I2, I3, I5); what the passing of time
                   ended is asked for at once at the inbox's door (I1).
Every EVERY steps  everything of both businesses: each message, body, record and hold against the model, the account of outcomes,
                   every leaf against its hash of before, every live bucket.
At the end         the archive is verified from its rows alone, as an outsider would.
"""

from collections import Counter
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from archive.models import Record
from archive.queries import holds, verification
from messaging.models import Message
from messaging.queries import frames
from portal.kernel import keys
from portal.testing.simulation.acts import Act, Side, Sim, must
from portal.testing.simulation.model import Told

EVERY = 250

_ENTRIES = """
    SELECT "index", kind, "time", actor, message_id, leaf FROM archive_entry WHERE "index" >= %s ORDER BY "index"
"""
_ROWS = """
    SELECT m.id, m.sent_at, m.gone_at, m.ended_at, m.outcome, m.outcome_at, b.bucket, b.gone_at, r.message_id, r.gone_at,
           r.archived_until, r.rule
      FROM messaging_message m LEFT JOIN messaging_body b ON b.message_id = m.id
      LEFT JOIN archive_record r ON r.message_id = m.id WHERE m.id = ANY(%s)
"""


class Row(NamedTuple):
    id: UUID
    sent_at: datetime | None
    gone_at: datetime | None
    ended_at: datetime | None
    outcome: str
    outcome_at: datetime | None
    bucket: int | None
    body_gone_at: datetime | None
    record: UUID | None
    record_gone_at: datetime | None
    until: datetime | None
    rule: str | None


# ── after every step ──────────────────────────────────────────────────────────────────────────────────────────────────
def after(sim: Sim, side: Side, act: Act | None, *, happened: bool) -> None:
    if act is not None:
        follow(side)
        if happened and act.entry:
            must(any(kind == act.entry for kind, *_ in side.kinds), "I9", f"{act.entry} left no entry", side.kinds)
    if side.touched:
        compare(side, side.touched)
    if side.ended:
        _ask_at_the_door(sim, side.ended)
    side.touched, side.kinds, side.ended = [], [], []


def follow(side: Side) -> None:
    """I6: what is new in the ledger comes right after what was there, and not before it in time."""
    model = side.model
    with connection.cursor() as cursor:
        cursor.execute(_ENTRIES, [model.entries])
        for index, kind, time, actor, message, leaf in cursor.fetchall():
            must(index == model.entries, "I6", f"entry {index} follows {model.entries - 1}")
            must(model.last_time is None or time >= model.last_time, "I6", f"entry {index} goes back in time")
            model.entries, model.last_time = index + 1, time
            side.leaves.append(sha256(bytes(leaf)).digest())
            side.kinds.append((kind, actor, str(message)))
            if kind in {"message.sent", "message.received"} and message in model.told:
                model.told[message].entry = index


def compare(side: Side, told: list[Told]) -> None:
    """Each of these messages, as the database has it, against the model."""
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, [[one.id for one in told]])
        rows = {row[0]: Row(*row) for row in cursor.fetchall()}
    for one in told:
        must(one.id in rows, "I3", "it is not there", one)
        _compare_message(one, rows[one.id])
        _compare_body(one, rows[one.id])
        _compare_record(side, one, rows[one.id])


def _compare_message(told: Told, row: Row) -> None:
    for name in ("sent_at", "gone_at", "ended_at"):
        must(getattr(told, name) == getattr(row, name), "I1", f"{name} is {getattr(row, name)}", told)
    must(row.outcome == told.outcome, "I3", f"its outcome is {row.outcome!r}", told)
    must(row.outcome_at == told.outcome_at, "I3", f"its outcome was set at {row.outcome_at}", told)


def _compare_body(told: Told, row: Row) -> None:
    must((row.bucket is not None) == told.has_body, "I2", f"its body {'is' if row.bucket else 'is not'} there", told)
    if row.bucket is None:
        return
    must(row.body_gone_at == told.body_gone_at, "I1", f"its body's end is {row.body_gone_at}", told)
    first, last = told.bucket_span
    must(first <= row.bucket <= last + 1, "I2", f"its bucket ends at {row.bucket}, not in {told.bucket_span}", told)
    must(told.bucket in (0, row.bucket), "I2", f"its bucket became {row.bucket}", told)
    told.bucket = row.bucket


def _compare_record(side: Side, told: Told, row: Row) -> None:
    must(
        (row.record is not None) == told.has_record, "I5", f"its record {'is' if row.record else 'is not'} there", told
    )
    if row.record is None:
        return
    must(told.entry >= 0, "I5", "it has no entry", told)
    must(row.record_gone_at == told.record_gone_at, "I8", f"its record's own end is {row.record_gone_at}", told)
    must(not told.rule or told.rule == row.rule, "I8", f"its rule became {row.rule}", told)
    told.rule = row.rule or ""
    # A disposal that meets it before its end writes the later one that the rules give by now.
    sooner = row.until is not None and (told.until is None or row.until < told.until)
    must(not sooner, "I8", f"its end became {row.until}, sooner than it was promised", told)
    told.until = row.until


def _ask_at_the_door(sim: Sim, ended: list[Told]) -> None:
    rows = list(Message.objects.filter(id__in=[one.id for one in ended]))
    shown = {UUID(str(m["id"])) for m in frames.messages(rows, sim.now())}
    shown |= {one.id for one in frames.for_push([one.id for one in ended], sim.now())}
    for told in ended:
        must(told.id not in shown, "I1", "it is shown after its end", told)


def judge(sim: Sim, told: Told, body: str | None) -> None:
    """Staff's door: readable until its end, whether it was sent yet or not; never after (I1)."""
    at = sim.judged_at()
    ended = told.is_over(at) or (told.body_gone_at is not None and told.body_gone_at <= at)
    wanted = told.words if told.has_body and not ended and at.timestamp() < told.bucket else None
    must(body == wanted, "I1", f"staff's door gave {body!r} instead of {wanted!r}", told)


# ── the long look ─────────────────────────────────────────────────────────────────────────────────────────────────────
def everything(sim: Sim, side: Side) -> None:
    follow(side)
    compare(side, list(side.model.told.values()))
    _outcomes(side)
    _ledger(side)
    _records(side)
    _shown(sim, side)
    side.touched, side.kinds, side.ended = [], [], []


def _outcomes(side: Side) -> None:
    """I3: composed = pending + outcomes, and nobody was written to who is not in the model."""
    counted = Counter(Message.objects.values_list("direction", "outcome"))
    expected = Counter((one.direction, one.outcome) for one in side.model.told.values())
    must(counted == expected, "I3", f"outcomes are {counted}, not {expected}")


def _ledger(side: Side) -> None:
    """I6: every leaf is what it was."""
    with connection.cursor() as cursor:
        cursor.execute('SELECT sha256(leaf) FROM archive_entry ORDER BY "index"')
        found = [bytes(row[0]) for row in cursor.fetchall()]
    must(found == side.leaves, "I6", f"the ledger was changed: {len(found)} entries, {len(side.leaves)} were seen")


def _records(side: Side) -> None:
    """I5 and I8: archived = sent but for what was disposed of; a hold selects what it always did."""
    kept = {one.id: one for one in side.model.told.values() if one.has_record}
    found = set(Record.objects.values_list("message_id", flat=True))
    must(found == set(kept), "I5", f"records: {len(found)}, expected {len(kept)}")
    held = set(Record.objects.filter(holds.held()).values_list("message_id", flat=True))
    expected = {pk for pk, one in kept.items() if side.model.is_held(one)}
    must(held == expected, "I8", f"held are {len(held)} records, not {len(expected)}: {held ^ expected}")


def _shown(sim: Sim, side: Side) -> None:
    """I1 and I2: of everything ever said, the door shows what is readable now; nothing that is over has a key."""
    bodies = side.model.bodies()
    rows = list(Message.objects.filter(id__in=[one.id for one in bodies]))
    shown = {UUID(str(m["id"])) for m in frames.messages(rows, sim.now())}
    wanted = {one.id for one in bodies if one.is_readable(sim.judged_at())}
    must(shown == wanted, "I1", f"shown and not live, or live and not shown: {shown ^ wanted}")
    alive = set(keys.keyring().live.buckets())
    lost = [one for one in bodies if one.is_readable(sim.judged_at()) and one.bucket not in alive]
    must(not lost, "I1", "live messages without a key", lost)


def at_the_end(side: Side) -> None:
    report = verification.verify()
    faults = [one for one in report.faults if not (side.was_set_back and one[0] in _OF_A_RESTORE)]
    must(not faults, "I6", f"the archive does not verify: {faults[:5]}")


# A log that was set back and has no new epoch yet says so itself; that is no fault of the simulation.
_OF_A_RESTORE = {"log_behind", "log_forked", "epoch_differs", "log_restored", "checkpoint_differs"}
