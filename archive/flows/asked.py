"""What somebody wants to search for, remembered under the business key: a query is content and never stands in an address.
Asking searches nothing; `search.search` does, and tells. Kept under a name, or gone after a day."""

import json
from datetime import datetime, timedelta
from uuid import UUID

from archive.models import AskedSearch
from archive.queries import asked
from archive.rules import naming
from archive.rules import query as language
from portal.kernel import ids, keys, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal, not_found

REMEMBERED_FOR = timedelta(days=1)
LONGEST_NAME = 60
LONGEST_REASON = 1000
LONGEST_VIEW = 2000


def ask(*, actor: Actor, now: datetime, query: str, reason: str = "", with_text: bool = False) -> UUID:
    """The id of what was asked. Refuses `query_invalid`, `range_upside_down`, `reason_missing`."""
    actor.require("archive.search")
    if actor.id is None:
        raise Refusal("not_allowed", "Only a member of staff keeps searches.", Kind.FORBIDDEN)
    needs_key = language.parse(query).needs_key or with_text
    reason = check_reason(reason, needs_key=needs_key)
    row = AskedSearch(id=ids.uuid7(), staff_id=actor.id, asked_at=now)
    row.sealed = _seal(row.id, name="", query=query, reason=reason, with_text=with_text)
    with unit.work():
        row.save(force_insert=True)
    return row.id


def keep(*, actor: Actor, now: datetime, search_id: UUID, name: str) -> None:
    """Under a name, until it is deleted. Again gives it another name."""
    found, name = asked.get_asked_for(actor, search_id), _named(name)
    _check_room([one for one in asked.list_kept_for(actor) if one.id != search_id])
    sealed = _seal(search_id, name=name, query=found.query, reason=found.reason, with_text=found.with_text)
    with unit.work():
        AskedSearch.objects.filter(id=search_id, staff_id=actor.id).update(sealed=sealed, is_kept=True)


def delete(*, actor: Actor, now: datetime, search_id: UUID) -> None:
    asked.get_asked_for(actor, search_id)
    with unit.work():
        AskedSearch.objects.filter(id=search_id, staff_id=actor.id).delete()


def keep_view(*, actor: Actor, now: datetime, of: str, name: str, query: str) -> UUID:
    """The filters of a list, as they stand in its address, under a name; one of that name takes the place of the last."""
    name, kept = _named(name), asked.list_views_for(actor, of)
    if len(query) > LONGEST_VIEW:
        raise Refusal("view_too_long", "These filters are too long to keep.", field="name")
    same = next((one.id for one in kept if one.name.casefold() == name.casefold()), None)
    _check_room([one for one in kept if one.id != same])
    row = AskedSearch(id=same or ids.uuid7(), staff_id=actor.own_id("staff"), of=of, is_kept=True, asked_at=now)
    row.sealed = _seal(row.id, name=name, query=query, reason="", with_text=False)
    with unit.work():
        row.save(force_insert=same is None, force_update=same is not None)
    return row.id


def delete_view(*, actor: Actor, now: datetime, of: str, view_id: UUID) -> None:
    with unit.work():
        if not AskedSearch.objects.filter(id=view_id, of=of, staff_id=actor.own_id("staff")).delete()[0]:
            raise not_found("view")


def sweep(*, now: datetime) -> int:
    """For the clock: what nobody kept goes after a day."""
    gone, _ = AskedSearch.objects.filter(is_kept=False, asked_at__lt=now - REMEMBERED_FOR).delete()
    return gone


def check_reason(reason: str, *, needs_key: bool) -> str:
    """A reason is needed once words are looked for, or shown."""
    reason = reason.strip()
    if needs_key and not reason:
        raise Refusal(
            "reason_missing", "Say why you look at words. The reason is sealed into the archive.", field="reason"
        )
    if len(reason) > LONGEST_REASON:
        raise Refusal("reason_too_long", f"Say it in {LONGEST_REASON:,} characters.", field="reason")
    return reason


def _named(name: str) -> str:
    return naming.name(name, longest=LONGEST_NAME, missing="Give it a name.")


def _check_room(kept: list[asked.Asked]) -> None:
    if len(kept) >= asked.MOST_KEPT:
        raise Refusal("too_many_kept", f"You keep {asked.MOST_KEPT} already. Delete one first.", Kind.CONFLICT)


def _seal(search_id: UUID, *, name: str, query: str, reason: str, with_text: bool) -> bytes:
    told = {"name": name, "query": query, "reason": reason, "text": with_text}
    return keys.seal_field(asked.CONTEXT, search_id, json.dumps(told).encode())
