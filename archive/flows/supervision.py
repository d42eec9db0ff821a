"""Supervision: rules that look at every new record once and put what they find into a standing case.

Entries are numbered densely and in order of commit, so one number says exactly what was looked at: `upto`. A slice looks at
the next entries, puts what it found into the case and moves `upto` in one transaction. A crash anywhere takes all of it
back, and the next round does it again (S1: once, never twice, never left out).

S2  A rule speaks of the records from the entry at which it was written to the one at which it was retired, however late the
    clock comes to them.
S3  No record is opened. A rule's words are hashed under the index key of the record's month and compared with the record's
    own hashes. Once a month is over its key is sealed away; what was not looked at by then is counted in a gap and told,
    never passed over in silence. The random share needs no key and misses nothing.
S4  A line of several words means that all of them occur, in whatever order: an exact phrase needs an officer's key.
"""

import json
import secrets
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from archive.flows import case, collecting, guard, monthkey, wordindex
from archive.models import Entry, Record, Supervision, SupervisionGap, SupervisionState
from archive.queries import supervision, takenin, tree
from archive.rules import casework, sampling, words
from portal.kernel import errors, ids, keys, unit
from portal.kernel.actors import CLOCK, Actor
from portal.kernel.errors import Kind, Refusal
from portal.sealing import errors as sealing

SLICE = 2000  # a quarter of a second under the guard
SLICES_A_ROUND = 50
MOST_LINES = 200
SEED_BYTES = 16

Line = list[frozenset[int]]  # a record meets it if it holds one hash of each set
Codes = dict[str, str | int | bool]


@dataclass(frozen=True, slots=True)
class Written:
    id: UUID
    code: str


@dataclass(frozen=True, slots=True)
class Looked:
    """What one slice did: `entries` passed, `found` put into the case, `missed` whose words could not be compared."""

    entries: int = 0
    found: int = 0
    missed: int = 0


class _Seen(NamedTuple):
    row: Record
    place: int  # index of its entry


@dataclass(slots=True)
class _Rule:
    row: Supervision
    lines: list[str]
    by_month: dict[str, list[Line]] = field(default_factory=dict)

    def covers(self, index: int) -> bool:
        return self.row.from_index <= index and (self.row.until_index is None or index < self.row.until_index)

    def takes(self, record: UUID) -> bool:
        return bool(self.row.share) and sampling.is_in(bytes.fromhex(self.row.seed), record, self.row.share)


# ── rules ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def write(*, actor: Actor, now: datetime, name: str, lines: Iterable[str] = (), share: int = 0) -> Written:
    """A rule for what is sent and received from now on. `share` is of 10,000. Refuses `supervision_empty`."""
    actor.require("case.manage")
    title, asked = casework.name(name), _lines(lines)
    if not 0 <= share <= sampling.WHOLE:
        raise Refusal("bad_share", "A share is at most 100 percent.", field="share")
    if not asked and not share:
        raise Refusal("supervision_empty", "Give it words to look for, a share to look at, or both.", field="words")
    row = Supervision(
        id=ids.uuid7(), code=f"s-{secrets.token_hex(4)}", has_words=bool(asked), share=share,
        seed=secrets.token_hex(SEED_BYTES), created_by=actor.label, created_at=now,
    )  # fmt: skip
    row.sealed_name = keys.seal_field(supervision.NAME, row.id, title.encode())
    row.sealed_words = keys.seal_field(supervision.WORDS, row.id, json.dumps(asked).encode())
    with unit.work() as u:
        _state()  # nobody looks past this place before the rule stands
        row.from_index = tree.entry_count()
        row.save(force_insert=True)
        case.standing(u, actor=actor, now=now)
        codes: Codes = {
            "act": "written", "rule": row.code, "share": share, "seed": row.seed, "words": row.has_words,
            "from_index": row.from_index,
        }  # fmt: skip
        detail: dict[str, object] = {"name": title, "words": "\n".join(asked)}
        u.entry(unit.Draft("supervision.changed", actor.label, codes=codes, detail=detail))
    return Written(row.id, row.code)


def retire(*, actor: Actor, now: datetime, rule_id: UUID) -> None:
    """It looks at nothing that comes from now on."""
    actor.require("case.manage")
    with unit.work() as u:
        _state()
        row = Supervision.objects.select_for_update().filter(id=rule_id).first()
        if row is None:
            raise errors.not_found("rule")
        if row.retired_at is not None:
            raise Refusal("supervision_retired", "This rule was retired already.", Kind.CONFLICT)
        row.retired_by, row.retired_at, row.until_index = actor.label, now, tree.entry_count()
        row.save(update_fields=["retired_by", "retired_at", "until_index"])
        codes: Codes = {"act": "retired", "rule": row.code, "until_index": row.until_index}
        u.entry(unit.Draft("supervision.changed", actor.label, codes=codes))


# ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def sweep(*, now: datetime) -> int:
    """For the clock, before index keys are sealed away: catch up, at most some slices a round. How many entries."""
    passed = 0
    for _ in range(SLICES_A_ROUND):
        done = look(now=now)
        passed += done.entries
        if done.entries < SLICE:
            break
    return passed


def look(*, now: datetime, slice_entries: int = SLICE) -> Looked:
    """The next slice of the ledger. Again is fine; two at once take turns."""
    with unit.work() as u:
        guard.lock()
        state = _state()
        end = tree.entry_count()
        if _rules(state.upto, end):  # else nothing has to be looked at
            end = min(state.upto + slice_entries, end)
        rules, entries = _rules(state.upto, end), end - state.upto
        done = _look(u, rules, state.upto, end, now) if rules else Looked()
        if entries:
            state.upto, state.looked_at = end, now
            state.save(update_fields=["upto", "looked_at"])
    return Looked(entries, done.found, done.missed)


def _look(u: unit.Unit, rules: list[_Rule], start: int, end: int, now: datetime) -> Looked:
    seen = _records(start, end)
    missed = _compare(rules, seen)
    why = _reasons(rules, seen)
    _remember_gap(missed, now)
    if not why:
        return Looked(missed=len(missed))
    queue = case.standing(u, actor=CLOCK, now=now)
    chosen = [one.row for one in seen if one.row.message_id in why]
    new = collecting.add(queue, chosen, now, matched=why)
    _count(rules, {pk: why[pk] for pk in new})
    if new:
        codes: Codes = {
            "case": str(queue.id), "by": "supervision", "from_index": start, "until_index": end, "upto": queue.size,
            "unchecked": len(missed),
        }  # fmt: skip
        u.entry(collecting.draft(CLOCK.label, new, codes))
    return Looked(found=len(new), missed=len(missed))


def _records(start: int, end: int) -> list[_Seen]:
    """Of these entries, those whose record is still there, in order."""
    sent = Entry.objects.filter(index__gte=start, index__lt=end, kind__in=takenin.SENT, message_id__isnull=False)
    places = dict(sent.values_list("id", "index"))
    rows = Record.objects.filter(entry_id__in=list(places)).only(*collecting.SHOWN, "index_month", "words")
    return sorted((_Seen(row, places[row.entry_id]) for row in rows), key=lambda one: one.place)


def _compare(rules: Sequence[_Rule], seen: Sequence[_Seen]) -> list[_Seen]:
    """Hash the rules' words for each month that occurs. Returns the records of months without a key that a rule asks for."""
    months = {one.row.index_month for one in seen}
    keyed = {month: key for month in months if (key := _month_key(month)) is not None}
    for rule in rules:
        rule.by_month = {month: [_hashed(line, key) for line in rule.lines] for month, key in keyed.items()}
    asking = [rule for rule in rules if rule.lines]
    unkeyed = [one for one in seen if one.row.index_month not in keyed]
    return [one for one in unkeyed if any(rule.covers(one.place) for rule in asking)]


def _reasons(rules: Sequence[_Rule], seen: Sequence[_Seen]) -> dict[UUID, list[str]]:
    """Which records go into the case, and which rule says so by what. A month without a key has no lines to meet."""
    why: dict[UUID, list[str]] = defaultdict(list)
    for row, index in seen:
        held = frozenset(row.words)
        for rule in rules:
            if not rule.covers(index):
                continue
            if _meets_any(rule.by_month.get(row.index_month, []), held):
                why[row.message_id].append(f"{rule.row.code}:words")
            if rule.takes(row.message_id):
                why[row.message_id].append(f"{rule.row.code}:sample")
    return why


def _meets_any(lines: Iterable[Line], held: frozenset[int]) -> bool:
    return any(all(not held.isdisjoint(hashes) for hashes in line) for line in lines)


def _hashed(line: str, key: bytes) -> Line:
    return [frozenset(hashes) for hashes in wordindex.hash_query(line, key=key)]


def _month_key(month: str) -> bytes | None:
    try:
        return keys.business().get(monthkey.INDEX + month)
    except sealing.KeyGone:
        return None


def _remember_gap(missed: Sequence[_Seen], now: datetime) -> None:
    for month, number in Counter(one.row.index_month for one in missed).items():
        places = [one.place for one in missed if one.row.index_month == month]
        first = {"first_index": min(places), "last_index": max(places), "found_at": now}
        row, _ = SupervisionGap.objects.select_for_update().get_or_create(month=month, defaults=first)
        row.count, row.last_index = row.count + number, max(places)
        row.save(update_fields=["count", "last_index"])


def _count(rules: Sequence[_Rule], why: Mapping[UUID, Sequence[str]]) -> None:
    told = Counter(reason for reasons in why.values() for reason in reasons)
    for rule in rules:
        rule.row.by_words += told[f"{rule.row.code}:words"]
        rule.row.by_sample += told[f"{rule.row.code}:sample"]
        rule.row.save(update_fields=["by_words", "by_sample"])


def _state() -> SupervisionState:
    SupervisionState.objects.get_or_create(id=1)
    return SupervisionState.objects.select_for_update().get(id=1)


def _rules(start: int, end: int) -> list[_Rule]:
    """Those that speak of any of these entries, locked: a rule is not retired in the middle of a slice."""
    rows = Supervision.objects.select_for_update().filter(from_index__lt=end).exclude(until_index__lte=start)
    return [_Rule(row, supervision.lines_of(row)) for row in rows.order_by("id")]


def _lines(given: Iterable[str]) -> list[str]:
    """One a line, spaces folded, none twice; each must leave a word to look for."""
    lines = list(dict.fromkeys(" ".join(line.split()) for line in given if line.strip()))
    if len(lines) > MOST_LINES:
        raise Refusal("supervision_too_long", f"A rule has at most {MOST_LINES} lines of words.", field="words")
    for number, line in enumerate(lines, 1):
        if not words.of_text(line):
            raise Refusal(
                "supervision_no_word", f"Line {number} holds no word to look for.", field="words", line=number
            )
    return lines
