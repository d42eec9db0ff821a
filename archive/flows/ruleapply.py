"""A retroactive rule walks the records that are there: what was promised before is promised anew by the rules as they are.

In slices, each one transaction under the guard: holds are asked again → ends moved, outer wraps put under the month in which
they now end → one mass entry `rule.applied` → commit. The place where it stands is committed with each slice, so that a
crash or several clocks at once lose and double nothing. Irreversible from a record's disposal on.

A1  A record under a hold is never touched: it keeps what it was promised, also after the hold.
A2  Nothing ends before the message does, nor before any rule in force says, a locked one among them.
A3  Only what ends sooner, or at an instant that is not known yet, is written: longer ends need no promise (R1).
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from archive.flows import guard, rewrap, rulecheck
from archive.ledger import entry
from archive.models import Record, Rule
from archive.queries import ends, holds, rules
from archive.queries.ends import Ending
from archive.rules import events, retention
from portal.kernel import unit
from portal.kernel.actors import CLOCK

SLICE = 2000
MOST_SLICES = 25  # a round of the clock; the next goes on


def apply_due(*, now: datetime, most: int = MOST_SLICES) -> int:
    """For the clock. → how many records were given another end."""
    moved = 0
    for _ in range(most):
        rule_id = (
            Rule.objects.filter(is_retroactive=True, applied_at=None)
            .order_by("id")
            .values_list("id", flat=True)
            .first()
        )
        if rule_id is None:
            return moved
        moved += _slice(rule_id, now)
    return moved


def _slice(rule_id: UUID, now: datetime) -> int:
    with unit.work() as u:
        guard.lock()
        row = Rule.objects.select_for_update().get(id=rule_id)
        if row.applied_at is not None:
            return 0
        chosen = _next(row)
        targets = _targets(chosen, now)
        _move(u, row, targets, now)
        row.applied_to = chosen[-1].message_id if chosen else row.applied_to
        row.applied_count += len(targets)
        if len(chosen) < SLICE:
            row.applied_at = now
        row.save(update_fields=["applied_to", "applied_count", "applied_at"])
    return len(targets)


def _next(row: Rule) -> list[Record]:
    """The next records in its scope. A rule that went out of force meanwhile has nothing more to say."""
    if row.state != Rule.State.ACTIVE:
        return []
    rows = rulecheck.records_of(rules.terms_of(row)).order_by("message_id")
    if row.applied_to is not None:
        rows = rows.filter(message_id__gt=row.applied_to)
    return list(rows.only(*ends.COLUMNS)[:SLICE])


def _targets(chosen: Sequence[Record], now: datetime) -> dict[UUID, Ending]:
    free = _not_held(chosen)
    anew = ends.by_rules_of(free, now, ends.read_book())
    return {one.message_id: anew[one.message_id] for one in free if _is_less(anew[one.message_id], one)}


def _not_held(chosen: Sequence[Record]) -> list[Record]:
    asked = Record.objects.filter(message_id__in=[one.message_id for one in chosen])
    held = set(asked.filter(holds.held()).values_list("message_id", flat=True))
    return [one for one in chosen if one.message_id not in held]


def _is_less(anew: Ending, one: Record) -> bool:
    """Sooner than promised, or at an instant that another rule decides and nobody knows yet."""
    if anew.end is None or one.archived_until is None:
        return anew.rule != one.rule
    return anew.end < one.archived_until


def _move(u: unit.Unit, row: Rule, targets: dict[UUID, Ending], now: datetime) -> None:
    """What is due already goes into this month's bucket: the keys of past ones may be gone."""
    if not targets:
        return
    wraps = {
        pk: rewrap.Target(retention.bucket_of(max(one.end, now) if one.end else None), one.end)
        for pk, one in targets.items()
    }
    # Messages before records, as everybody else who changes both.
    events.tell_moved([(pk, one.end, one.rule) for pk, one in targets.items()])
    stuck = set(rewrap.move(wraps).stuck)
    moved = {pk: one for pk, one in targets.items() if pk not in stuck}
    unknown = [pk for pk, one in moved.items() if one.end is None]
    Record.objects.filter(message_id__in=unknown).update(archived_until=None)
    for code in {one.rule for one in moved.values()}:
        Record.objects.filter(message_id__in=[pk for pk, one in moved.items() if one.rule == code]).update(rule=code)
    _tell(u, row, list(moved))


def _tell(u: unit.Unit, row: Rule, moved: list[UUID]) -> None:
    count, digest = entry.digest_ids(moved)
    listed: dict[str, object] = {"ids": [str(pk) for pk in sorted(moved)]}
    u.entry(
        unit.Draft("rule.applied", CLOCK.label, codes={"rule": row.code}, count=count, ids_sha256=digest, detail=listed)
    )
