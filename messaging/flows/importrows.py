"""One slice of an import: tried, applied, invited. Each call is one transaction.

What a row does to a customer is reckoned in one place (`_Outcome`), for the difference that is shown and for what is written. An
import adds and changes and never takes away: an empty cell says nothing, tags are added, and a consent lifts no opt-out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError
from django.db.models import F

from messaging.flows import enrolment, roster
from messaging.models import ImportJob, ImportSlice
from messaging.queries import customers, imports, profiles
from messaging.rules import columns, consent, tags
from portal.kernel import ids, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Refusal

SAMPLES = 5
INVITED_AT_ONCE = 100
TRIES = 3  # of a slice that meets somebody who makes the same customers at the same moment


@dataclass
class Seen:
    """What one pass over the file has met: the row of each key, samples of each kind."""

    rows: dict[bytes, int] = field(default_factory=dict)
    references: dict[bytes, int] = field(default_factory=dict)  # where rows are known by something else
    samples: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {"new": [], "changed": [], "wrong": []})
    slice: int = 0

    def sample(self, kind: str, one: dict[str, Any]) -> None:
        if len(self.samples[kind]) < SAMPLES:
            self.samples[kind].append(one)


@dataclass(slots=True)
class _Outcome:
    """What one row does: `after` is the customer as they will be; `before` is None where they are new."""

    row: columns.Row
    before: roster.Member | None
    after: roster.Member
    said: list[roster.Said]
    kept_out: int = 0

    @property
    def is_change(self) -> bool:
        return self.before is not None and (self.before != self.after or bool(self.said))


def check(*, row: ImportJob, now: datetime, seen: Seen) -> bool:
    """Try the next slice. One pass goes through the whole file, since a key may stand twice in it: a pass that was cut off begins
    anew. True while there is more."""
    piece = ImportSlice.objects.filter(job=row, number=seen.slice).first()
    if piece is None:
        sealed = imports.seal_json(imports.FOUND, row.id, seen.samples)
        ImportJob.objects.filter(id=row.id, state=ImportJob.State.CHECKING, began_at=row.began_at).update(
            state=ImportJob.State.CHECKED, finished_at=now, sealed_found=sealed
        )
        return False
    meaning = imports.open_(row).meaning
    read, wrong = _read(meaning, piece, {})
    _find_twice(meaning, read, wrong, seen)
    outcomes = _reckon(meaning, read, wrong, now, is_locked=False)
    _sample(meaning, outcomes, wrong, seen)
    with unit.work():
        still = ImportJob.objects.select_for_update().filter(id=row.id, state=row.state, began_at=row.began_at)
        if still.first() is not None:  # else it was stopped, or begun anew with other columns
            _write_counts(piece, outcomes, wrong, checked_at=now)
    seen.slice += 1
    return True


def apply(*, row: ImportJob, now: datetime) -> bool:
    """Write the next slice that nobody holds. True while there is more."""
    for tried in range(TRIES):
        try:
            return _apply_next(row, now)
        except IntegrityError:
            if tried == TRIES - 1:
                raise
    return False


def invite(*, row: ImportJob, now: datetime) -> bool:
    """Look at the next hundred customers of the file. True while there is more."""
    with unit.work() as u:
        pieces = ImportSlice.objects.filter(job=row, looked_at__lt=F("customers__len")).order_by("number")
        piece = pieces.select_for_update(skip_locked=True).first()
        if piece is None:
            if not pieces.exists():
                ImportJob.objects.filter(id=row.id, inviting="running").update(inviting="done", finished_at=now)
            return False
        chosen = piece.customers[piece.looked_at : piece.looked_at + INVITED_AT_ONCE]
        piece.invited += enrolment.invite_newcomers(u, actor=_asker(row), now=now, customer_ids=chosen)
        piece.looked_at += len(chosen)
        piece.save(update_fields=["looked_at", "invited"])
    return True


def _apply_next(row: ImportJob, now: datetime) -> bool:
    with unit.work() as u:
        waiting = ImportSlice.objects.filter(job=row, applied_at=None).order_by("number")
        piece = waiting.select_for_update(skip_locked=True).first()
        if piece is None:
            if not waiting.exists():
                ImportJob.objects.filter(id=row.id, state=ImportJob.State.APPLYING).update(
                    state=ImportJob.State.DONE, finished_at=now
                )
            return False
        meaning = imports.open_(row).meaning
        read, wrong = _read(meaning, piece, imports.wrong_of(piece))
        outcomes = _reckon(meaning, read, wrong, now, is_locked=True)
        _write(u, row, meaning, outcomes, now)
        piece.customers = [one.after.id for one in outcomes]
        _write_counts(piece, outcomes, wrong, applied_at=now)
    return True


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
Wrong = dict[int, list[tuple[int, str]]]


def _read(meaning: columns.Meaning, piece: ImportSlice, known: Wrong) -> tuple[list[columns.Row], Wrong]:
    """The rows of a slice, and what is wrong with which, starting from what is known to be wrong."""
    reader, wrong = columns.Reader(meaning), dict(known)
    rows = []
    for number, cells in imports.rows_of(piece):
        if number in wrong:
            continue
        one = reader.read(number, cells)
        if one.wrong:
            wrong[number] = one.wrong
        else:
            rows.append(one)
    return rows, wrong


def _find_twice(meaning: columns.Meaning, rows: list[columns.Row], wrong: Wrong, seen: Seen) -> None:
    """The first row with a key counts; later ones are wrong."""
    columns_of = [(seen.rows, meaning.match)]
    if meaning.match != "reference" and "reference" in meaning.columns:
        columns_of.append((seen.references, "reference"))
    book = profiles.Book()
    for row in rows:
        for met, name in columns_of:
            value = row.given.get(name)
            if value and met.setdefault(book.find_by(name, value), row.number) != row.number:
                wrong[row.number] = [(meaning.columns.index(name), "twice_in_file")]


# ── what a row does ───────────────────────────────────────────────────────────────────────────────────────────────────────
def _reckon(
    meaning: columns.Meaning, rows: Sequence[columns.Row], wrong: Wrong, now: datetime, *, is_locked: bool
) -> list[_Outcome]:
    """One outcome a row that is not wrong; rows that turn out wrong only here are added to `wrong`."""
    good = [row for row in rows if row.number not in wrong]
    there = _known(meaning.match, good, is_locked)
    taken = _references(meaning, good)
    column = meaning.columns.index(meaning.match)
    outcomes = []
    for row in good:
        found = there.get(row.key, [])
        if len(found) > 1:
            wrong[row.number] = [(column, "ambiguous")]
        elif _is_taken(row, found, taken):
            wrong[row.number] = [(meaning.columns.index("reference"), "reference_taken")]
        else:
            try:
                outcomes.append(_outcome(row, found[0] if found else None, now))
            except Refusal as refusal:  # together with what the customer has it is too much
                wrong[row.number] = [(column, refusal.code)]
    return outcomes


def _known(match: str, rows: Sequence[columns.Row], is_locked: bool) -> dict[str, list[roster.Member]]:
    """The customers whom the rows name, by key: addresses may be shared."""
    fetch = roster.lock if is_locked else roster.look
    found: dict[str, list[roster.Member]] = {}
    book = profiles.Book()
    for one in fetch(match, [book.find_by(match, row.key) for row in rows]):
        found.setdefault(getattr(one.profile, match), []).append(one)
    return found


def _references(meaning: columns.Meaning, rows: Sequence[columns.Row]) -> dict[str, UUID]:
    """Who has the references that the rows would give, where rows are known by something else."""
    if meaning.match == "reference":
        return {}
    return customers.get_ids_by_reference({row.given["reference"] for row in rows if "reference" in row.given})


def _is_taken(row: columns.Row, found: Sequence[roster.Member], taken: dict[str, UUID]) -> bool:
    """Somebody else has the reference that this row would give."""
    reference = row.given.get("reference", "")
    if not reference or reference not in taken:
        return False
    return not found or taken[reference] != found[0].id


def _outcome(row: columns.Row, before: roster.Member | None, now: datetime) -> _Outcome:
    start = before or roster.new()
    profile = _merged(start.profile, row)
    after = replace(
        start, profile=profile, language=row.given.get("language", start.language),
        time_zone=row.given.get("time_zone", start.time_zone),
    )  # fmt: skip
    if before and (before.profile.email, before.profile.phone) != (profile.email, profile.phone):
        after.contact_changed_at = now
    said, kept_out = _heard(row, start, now)
    if said:
        events = [consent.Event(one.purpose, one.channel, one.is_given, one.at) for one in said]
        standing = consent.add_up(consent.Standing(tuple(start.agreed), tuple(start.refused)), events, {})
        after.agreed, after.refused = list(standing.agreed), list(standing.refused)
    return _Outcome(row, before, after, said, kept_out)


def _merged(before: profiles.Profile, row: columns.Row) -> profiles.Profile:
    given: dict[str, Any] = {n: row.given[n] for n in ("reference", "name", "email", "phone") if n in row.given}
    if row.tags:
        given["tags"] = tags.tags([*before.tags, *row.tags])
    own = {name: value for name, value in row.fields.items() if not _has(before, name, value)}
    if own:
        given["fields"] = tags.merged(before.fields, own)
    return replace(before, **given)


def _has(before: profiles.Profile, name: str, value: object) -> bool:
    """A file's text and a program's number may be the same value."""
    return name in before.fields and tags.field_word(name, before.fields[name]) == tags.field_word(name, value)


def _heard(row: columns.Row, start: roster.Member, now: datetime) -> tuple[list[roster.Said], int]:
    """The consents that say something new. A file that says yes where the customer said no is not believed."""
    said, kept_out = [], 0
    at = min(row.consent_at or now, now)
    for purpose, channel, is_given in row.consents:
        about = consent.code(purpose, channel)
        if is_given and about in start.refused:
            kept_out += 1
        elif about not in (start.agreed if is_given else start.refused):
            said.append(roster.Said(start.id, purpose, channel, is_given, at))
    return said, kept_out


# ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _write(
    u: unit.Unit, row: ImportJob, meaning: columns.Meaning, outcomes: Sequence[_Outcome], now: datetime
) -> None:  # fmt: skip
    made = [one.after for one in outcomes if one.before is None]
    moved = [one.after for one in outcomes if one.is_change]
    roster.add(made, now)
    roster.change(moved, now)
    said = [event for one in outcomes for event in one.said]
    roster.say(said, source=meaning.source, wording=meaning.wording)
    actor = _asker(row)
    codes: dict[str, str | int | bool] = {"import": str(row.id)}
    subjects = {one.after.id: one.after.subject_id for one in outcomes}
    if made or moved:
        codes |= {"new": len(made), "changed": len(moved)}
        u.entry(roster.draft("customers.imported", actor, (one.subject_id for one in made + moved), codes))
    for purpose, channel, is_given in sorted({(one.purpose, one.channel, one.is_given) for one in said}):
        who = {
            subjects[e.customer_id] for e in said if (e.purpose, e.channel, e.is_given) == (purpose, channel, is_given)
        }
        codes = {"import": str(row.id), "purpose": purpose, "channel": channel, "given": is_given}
        u.entry(roster.draft("consents.imported", actor, who, codes))


def _write_counts(piece: ImportSlice, outcomes: Sequence[_Outcome], wrong: Wrong, **at: datetime) -> None:
    piece.new = sum(one.before is None for one in outcomes)
    piece.changed = sum(one.is_change for one in outcomes)
    piece.unchanged = len(outcomes) - piece.new - piece.changed
    piece.kept_out = sum(one.kept_out for one in outcomes)
    piece.wrong = len(wrong)
    piece.sealed_wrong = imports.seal_json(imports.WRONG, piece.id, wrong) if wrong else None
    for name, value in at.items():
        setattr(piece, name, value)
    piece.save()


# ── samples ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _sample(
    meaning: columns.Meaning, outcomes: Iterable[_Outcome], wrong: Wrong, seen: Seen
) -> None:  # fmt: skip
    for one in outcomes:
        who = {"row": one.row.number, "key": one.row.key, "name": one.after.profile.name}
        if one.before is None:
            seen.sample("new", who)
        elif one.is_change:
            seen.sample("changed", {**who, "changes": _changes(one)})
    for number, told in sorted(wrong.items()):
        names = [meaning.header[column] if column < len(meaning.header) else "" for column, _ in told]
        problems = [[name, code] for name, (_, code) in zip(names, told, strict=True)]
        seen.sample("wrong", {"row": number, "problems": problems})


def _changes(one: _Outcome) -> list[list[str]]:
    """[name, before, after] of each thing that would change."""
    before, after = _facts(one.before), _facts(one.after)
    found = [[name, before.get(name, ""), value] for name, value in after.items() if before.get(name, "") != value]
    return found + [["consent", "", f"{event.purpose} {event.channel}"] for event in one.said]


def _facts(one: roster.Member | None) -> dict[str, str]:
    if one is None:
        return {}
    plain = {name: str(getattr(one.profile, name)) for name in ("reference", "name", "email", "phone")}
    own = {f"{name}": str(value) for name, value in one.profile.fields.items()}
    return {**plain, "language": one.language, "time_zone": one.time_zone, "tags": ", ".join(one.profile.tags), **own}


def _asker(row: ImportJob) -> Actor:
    """Who asked for it, for the entries: the worker only did the work."""
    kind, _, actor_id = row.asked_by.partition(":")
    return Actor(kind, ids.parse_uuid(actor_id) if actor_id else None)
