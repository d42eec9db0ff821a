"""One slice of a disposal: judge some thousand records, delete what goes, move what stays. Irreversible at COMMIT.

The transaction is the caller's (`disposal.step`), which holds the guard: the holds and rules that are asked here are those
that stand at this instant, and none is placed before the commit.

G1  What any hold in force selects stays. What has an end that nobody knows, or one to come, stays. What a rule wants
    people to look at stays until they have. Everything that is asked is asked here, again, for every record.
G2  A record goes with its tombstone and its place in one entry: the ids of `archive.disposed` hash to what its leaf says.
G3  A file goes with the last record that names it. An envelope goes only when no record and no detail of an entry is left
    under it, and never within a day of its making: a process may still be sealing under that key.
G4  What stays leaves a bucket that is over for a later one; what cannot be opened for that stays where it is, and its
    bucket is not decided.
"""

import hashlib
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models.expressions import RawSQL

from archive.flows import blob, rewrap, searchindex
from archive.models import Bucket, Record, Review
from archive.queries import due, ends, holds
from archive.rules import disposal, events, retention, terms
from portal.kernel import unit
from portal.kernel.actors import CLOCK

ENVELOPE_GRACE = timedelta(days=1)

# One statement: what is deleted is what gets a tombstone is what is counted.
_DELETE = """
    WITH gone AS (
        DELETE FROM archive_record WHERE message_id = ANY(%s::uuid[]) RETURNING message_id, octet_length(sealed) AS size, blobs
    ), marked AS (
        INSERT INTO archive_disposed (message_id, entry_id, at) SELECT message_id, %s, %s FROM gone
    ), reviewed AS (
        DELETE FROM archive_review WHERE message_id IN (SELECT message_id FROM gone)
    ), tagged AS (
        DELETE FROM archive_recordtag WHERE message_id IN (SELECT message_id FROM gone)
    )
    SELECT count(*), coalesce(sum(size), 0), coalesce(string_agg(uuid_send(message_id), ''::bytea ORDER BY message_id), ''),
           ARRAY(SELECT DISTINCT unnest(blobs) FROM gone WHERE blobs IS NOT NULL)
      FROM gone
"""
_ENVELOPES = """
    DELETE FROM archive_batch AS b
     WHERE b.id = ANY(%s) AND b.created_at < %s
       AND NOT EXISTS (SELECT FROM archive_record AS r WHERE r.batch_id = b.id)
       AND NOT EXISTS (SELECT FROM archive_entry AS e WHERE e.detail IS NOT NULL
                        AND substring(e.detail FROM 1 FOR 16) = uuid_send(b.id))
"""


@dataclass(slots=True)
class Verdict:
    """What becomes of each candidate of a slice. `goes` maps to the code of the rule that decided."""

    goes: dict[UUID, str] = field(default_factory=dict)
    held: list[UUID] = field(default_factory=list)
    later: dict[UUID, ends.Ending] = field(default_factory=dict)
    review: dict[UUID, ends.Ending] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """What one slice did."""

    disposed: int = 0
    size: int = 0
    moved: int = 0
    stuck: int = 0


def judge(found: Sequence[due.Candidate], now: datetime) -> Verdict:
    """G1. Reads only; under the guard it is the truth, without it a forecast."""
    ids = [one.message_id for one in found]
    endings = ends.ends_of(found, now)
    held = set(
        Record.objects.filter(message_id__in=_among(ids)).filter(holds.held()).values_list("message_id", flat=True)
    )
    asked = [pk for pk in ids if endings[pk].action == terms.REVIEW]
    seen = Review.objects.filter(message_id__in=_among(asked), is_approved=True) if asked else Review.objects.none()
    approved = set(seen.values_list("message_id", flat=True))
    verdict = Verdict()
    for pk in ids:
        ending = endings[pk]
        if pk in held:
            verdict.held.append(pk)
        elif ending.end is None or ending.end > now:
            verdict.later[pk] = ending
        elif ending.action == terms.REVIEW and pk not in approved:
            verdict.review[pk] = ending
        else:
            verdict.goes[pk] = ending.rule
    return verdict


def carry_out(
    u: unit.Unit, *, run: UUID, bucket: str, found: Sequence[due.Candidate], verdict: Verdict, now: datetime
) -> Done:
    """Delete and move as judged. The entries are handed to `u`."""
    moved = _move(bucket, verdict, now)
    _queue(verdict, now)
    if not verdict.goes:
        _count(bucket, Done(moved=moved.count), {})
        return Done(moved=moved.count, stuck=len(moved.stuck))
    draft = unit.Draft("archive.disposed", CLOCK.label, codes={"run": str(run), "bucket": bucket})
    searchindex.forget(list(verdict.goes))
    with connection.cursor() as cursor:
        cursor.execute(_DELETE, [_array(verdict.goes), draft.id, now])
        count, size, listed, files = cursor.fetchone()
    size += blob.let_go(wanted=files, now=now)
    _drop_envelopes({one.batch_id for one in found if one.message_id in verdict.goes}, now)
    rules = Counter(verdict.goes.values())
    draft.count, draft.ids_sha256 = count, hashlib.sha256(bytes(listed)).hexdigest()
    draft.detail = {"ids": b64encode(bytes(listed)).decode(), "rules": dict(rules)}
    if count:
        u.entry(draft)
    done = Done(count, int(size), moved.count, len(moved.stuck))
    _count(bucket, done, rules)
    return done


def _move(bucket: str, verdict: Verdict, now: datetime) -> rewrap.Moved:
    """What has an end to come goes to its month at once. What is held, waits for people, or has an end nobody knows leaves
    only a month that is over."""
    targets = {
        pk: rewrap.Target(retention.month_of(one.end), one.end) for pk, one in verdict.later.items() if one.end is not None
    }  # fmt: skip
    if disposal.is_over(bucket, now):
        unknown = [pk for pk, one in verdict.later.items() if one.end is None]
        rest = rewrap.Target(disposal.next_month(now))
        targets |= dict.fromkeys([*verdict.held, *verdict.review, *unknown], rest)
    moved = rewrap.move(targets)
    stuck = set(moved.stuck)
    known = [(pk, one) for pk, one in verdict.later.items() if one.end is not None and pk not in stuck]
    events.tell_moved([(pk, one.end, one.rule) for pk, one in known])
    return moved


def _queue(verdict: Verdict, now: datetime) -> None:
    """What waits for people stands in their queue; what may stay longer leaves it."""
    rows = [
        Review(message_id=pk, rule=one.rule, month=retention.month_of(one.end or now), since=now)
        for pk, one in verdict.review.items()
    ]
    Review.objects.bulk_create(rows, ignore_conflicts=True)
    if verdict.later:
        Review.objects.filter(message_id__in=list(verdict.later)).delete()


def _array(ids: Iterable[UUID]) -> str:
    """Many ids as PostgreSQL reads an array: one value to bind, where a list of them costs more than their deletion."""
    return f"{{{','.join([pk.hex for pk in ids])}}}"


def _among(ids: Sequence[UUID]) -> RawSQL:
    return RawSQL("SELECT unnest(%s::uuid[])", [_array(ids)])


def _drop_envelopes(batches: set[UUID], now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_ENVELOPES, [list(batches), now - ENVELOPE_GRACE])


def _count(bucket: str, done: Done, rules: Mapping[str, int]) -> None:
    if not (done.disposed or done.moved):
        return
    row, _ = Bucket.objects.select_for_update().get_or_create(month=bucket)
    row.disposed += done.disposed
    row.disposed_bytes += done.size
    row.moved += done.moved
    row.rules = dict(Counter(row.rules) + Counter(rules))
    row.save(update_fields=["disposed", "disposed_bytes", "moved", "rules"])
