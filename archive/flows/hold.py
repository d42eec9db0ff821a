"""Legal holds: placed by one, released by two. What a hold keeps is asked when something would go, never before (I8).

    active ── release asked, approved by another person ── releasing, 24 hours ── the clock: released
                                                            └── cancelled ── active again

H1  A hold is placed under the guard: what commits after it was placed disposes of nothing that it keeps.
H2  `releasing` holds as well as `active`; only `released` frees, and there is no way back from it: place a new one.
H3  A hold says the same for ever: ids and codes, no words (they need a key), no tag and no other hold (which people take
    away without a second person). References and addresses became ids when it was placed: erasing a customer loses nothing.
H4  An empty query must be meant: it holds everything.
Irreversible: a release, in as far as the next run may dispose of what nothing else keeps.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from archive.flows import approval, guard
from archive.models import Hold
from archive.queries import holds, predicate
from archive.rules import acts, naming
from archive.rules import query as language
from portal.kernel import errors, ids, keys, unit
from portal.kernel.actors import CLOCK, Actor
from portal.kernel.errors import Kind, Refusal

COOL_OFF = timedelta(hours=24)
LONGEST_NAME, LONGEST_REASON = 120, 1000
NAMELESS = "Give the hold a name, such as the matter it is for."
RELEASE = "hold.release"
FLEETING = {"tag", "hold"}


@dataclass(frozen=True, slots=True)
class Placed:
    """`query` is what it became: with ids in place of references and addresses."""

    id: UUID
    query: str


def place(*, actor: Actor, now: datetime, name: str, reason: str, query: str, everything: bool = False) -> Placed:
    """Keep what the query selects, now and later. `everything` says that an empty query is meant."""
    actor.require("hold.manage")
    name, reason = naming.name(name, longest=LONGEST_NAME, missing=NAMELESS), _reason(reason)
    asked = understand(actor, query)
    if not asked.terms and not everything:
        raise Refusal(
            "hold_of_everything", "An empty query holds every record, those to come too. Say that you mean it.", field="query"
        )  # fmt: skip
    row = Hold(id=ids.uuid7(), query=asked.to_text(), case_id=_case(asked), placed_by=actor.label, placed_at=now)
    row.sealed_name = keys.seal_field(holds.NAME, row.id, name.encode())
    row.sealed_reason = keys.seal_field(holds.REASON, row.id, reason.encode())
    with unit.work() as u:
        guard.lock()
        holds.of(row)  # a case or a customer that is not there is refused before the hold stands
        row.save(force_insert=True)
        u.entry(_draft("hold.placed", actor, row, {"name": name, "reason": reason, "query": row.query}))
    return Placed(row.id, row.query)


def understand(actor: Actor, text: str) -> language.Query:
    """The query of a hold, with ids in place of references. Refuses what no hold may rest on."""
    asked = language.parse(text)
    if asked.needs_key:
        raise Refusal(
            "hold_needs_words", "A hold cannot ask for words: only an unlocked archive finds them. Name who, when or what "
            "kind, or collect the records into a case and hold the case.", field="query", position=asked.words[0].position,
        )  # fmt: skip
    for term in asked.terms:
        if term.name in FLEETING:
            raise Refusal(
                "hold_fleeting", f"A hold cannot rest on {term.name}: since one person alone can take it away. Collect the "
                "records into a case and hold the case.", field="query", position=term.position,
            )  # fmt: skip
    return predicate.resolve(actor, asked)


def ask_release(*, actor: Actor, now: datetime, hold_id: UUID, reason: str) -> approval.Asked:
    """Ask a second person to release it. Nothing changes before they say yes and the cool-off is over."""
    actor.require("hold.manage")
    if holds.get_hold_for(actor, hold_id).state != Hold.State.ACTIVE:
        raise _not_active()
    return approval.ask(actor=actor, now=now, kind=RELEASE, target=hold_id, reason=reason)


def begin_release(*, actor: Actor, now: datetime, target_id: UUID, codes: acts.Codes) -> None:
    """The second person said yes: the cool-off begins. Runs in the approval's unit."""
    with unit.work() as u:
        row = _locked(target_id)
        if row.state != Hold.State.ACTIVE:
            raise _not_active()
        row.state, row.releases_at = Hold.State.RELEASING, now + COOL_OFF
        row.save(update_fields=["state", "releases_at"])
        u.entry(_draft("hold.release_asked", actor, row))


def keep(*, actor: Actor, now: datetime, hold_id: UUID) -> None:
    """Cancel a release in its cool-off: the hold stays. Anyone who manages holds may."""
    actor.require("hold.manage")
    with unit.work() as u:
        row = _locked(hold_id)
        if row.state != Hold.State.RELEASING:
            raise Refusal("hold_not_releasing", "This hold is not being released.", Kind.CONFLICT, state=row.state)
        row.state, row.releases_at = Hold.State.ACTIVE, None
        row.save(update_fields=["state", "releases_at"])
        u.entry(_draft("hold.kept", actor, row))


def sweep(*, now: datetime) -> int:
    """For the clock: release what has cooled off. Each in its own transaction, under the guard and its row's lock."""
    due = Hold.objects.filter(state=Hold.State.RELEASING, releases_at__lte=now).values_list("id", flat=True)
    return sum(_release(hold_id, now) for hold_id in due)


def describe(target_id: UUID, codes: acts.Codes) -> str:
    row = Hold.objects.filter(id=target_id).first()
    return f"Release the hold “{holds.name_of(row)}”" if row else ""


def register() -> None:
    act = acts.Act("hold.manage", "Release a hold", begin_release, describe, "console:archive_hold")
    approval.register(RELEASE, act)


def _release(hold_id: UUID, now: datetime) -> bool:
    with unit.work() as u:
        guard.lock()
        row = _locked(hold_id)
        if row.state != Hold.State.RELEASING or row.releases_at is None or row.releases_at > now:
            return False
        row.state, row.released_at = Hold.State.RELEASED, now
        row.save(update_fields=["state", "released_at"])
        u.entry(_draft("hold.released", CLOCK, row))
    return True


def _locked(hold_id: UUID) -> Hold:
    row = Hold.objects.select_for_update().filter(id=hold_id).first()
    if row is None:
        raise errors.not_found("hold")
    return row


def _case(asked: language.Query) -> UUID | None:
    """The case that it is a hold of, where it is one of exactly that."""
    return asked.terms[0].id if len(asked.terms) == 1 and asked.terms[0].name == "case" else None


def _reason(text: str) -> str:
    words = text.strip()
    if not words:
        raise Refusal("reason_missing", "Say why these records must stay.", field="reason")
    if len(words) > LONGEST_REASON:
        raise Refusal("reason_too_long", f"Say it in {LONGEST_REASON} characters.", field="reason")
    return words


def _draft(kind: str, actor: Actor, row: Hold, detail: dict[str, object] | None = None) -> unit.Draft:
    return unit.Draft(kind, actor.label, codes={"hold": str(row.id)}, detail=detail)


def _not_active() -> Refusal:
    return Refusal("hold_not_active", "This hold was released, or is being released already.", Kind.CONFLICT)
