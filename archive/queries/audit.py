"""What people and programs of the business did, from the newest back, by index. Messages that were sent are many and stand
under a group of their own: without it the list leaves them out, and says so."""

from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from uuid import UUID

from django.db.models import Q

from archive.models import Entry
from archive.queries import entries
from archive.rules.deeds import GROUPS
from portal.kernel.actors import Actor

SENDING = "messages"
# As the partial index `entry_of_deed` says it.
DEED = Q(actor__startswith="staff:") & ~Q(kind="message.sent")


@dataclass(frozen=True, slots=True)
class Filter:
    """`who` is an actor's label, `group` a key of `deeds.GROUPS`; `after` is included, `before` not."""

    who: str = ""
    group: str = ""
    customer: UUID | None = None
    after: datetime | None = None
    before: datetime | None = None


def list_for(actor: Actor, asked: Filter, *, limit: int, cursor: int | None = None) -> entries.Page:
    actor.require("archive.list")
    rows = Entry.objects.filter(_deed(asked))
    if cursor is not None:
        rows = rows.filter(index__lte=cursor)
    if asked.after:
        rows = rows.filter(index__gte=entries.index_at(asked.after))
    if asked.before:
        rows = rows.filter(index__lt=entries.index_at(asked.before))
    if asked.customer:
        rows = rows.filter(customer_id=asked.customer)
    found = entries.headers(list(rows.order_by("-index").values_list(*entries.FIELDS)[: limit + 1]))
    return entries.Page(found[:limit], found[limit].index if len(found) > limit else None)


def _deed(asked: Filter) -> Q:
    prefixes = GROUPS[asked.group][1] if asked.group in GROUPS else ()
    kinds = reduce(or_, (Q(kind__startswith=prefix) for prefix in prefixes), Q())
    if asked.who.startswith("key:"):
        return Q(actor=asked.who) & kinds
    deeds = Q(actor__startswith="staff:") if asked.group == SENDING else DEED
    return deeds & kinds & (Q(actor=asked.who) if asked.who else Q())
