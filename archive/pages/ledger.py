"""The ledger: its list, searched by codes, and one entry with its proof. Looking is an entry, at most one a minute (I9)."""

import re
from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe

from archive.flows import birth, logstate
from archive.flows import listing as flow
from archive.ledger.kinds import KINDS
from archive.pages import shared
from archive.queries import entries, proofs, summary
from portal.kernel import clock, ids
from portal.web import guards, names
from portal.web import listing as lists

KIND_WORDS = sorted(((kind, re.split(r"[:;.]", words)[0]) for kind, words in KINDS.items()), key=lambda one: one[1])
COLUMNS = ("index", "kind", "at", "actor", "customer_id", "message_id", "leaf_hash")


@guards.staff("archive.list")
@require_safe
def listing(request: HttpRequest) -> HttpResponseBase:
    now = clock.now()
    filters = lists.chosen(request, "q", "kind", "customer", "after", "before")
    wants_csv = request.GET.get("format") == "csv"
    cursor = request.GET.get("cursor", "")
    found = flow.list_entries(
        actor=request.actor, now=now, asked=_asked(request, filters), newest_first=True,
        limit=entries.MOST if wants_csv else lists.SIZE, cursor=int(cursor) if _is_index(cursor) else None,
    )  # fmt: skip
    seen = summary.get_summary()
    rows = shared.shown(request.actor, found.results, seen.signed)
    if wants_csv:
        return lists.as_csv("archive", COLUMNS, rows)
    context = {
        "page": lists.Page(rows, "" if found.next is None else str(found.next)), "filters": filters,
        "kinds": KIND_WORDS, "unlock": shared.lock_of(request, now),
        "log_refuses": logstate.seems_broken(seen), "seen": seen, "officer_needed": not birth.is_complete(),
    }  # fmt: skip
    return shared.draw(request, "archive", context)


@guards.staff("archive.list")
@require_safe
def entry(request: HttpRequest, index: int) -> HttpResponseBase:
    now = clock.now()
    header = entries.get_entry_for(request.actor, index)
    flow.tell(actor=request.actor, now=now, kind="archive.listed", what="entry")
    seen = summary.get_summary()
    context: dict[str, Any] = {
        "entry": shared.shown(request.actor, [header], seen.signed)[0],
        "proof": shared.proof_of(header, proofs.latest()),
        "before": index - 1 if index > 0 else None, "after": index + 1 if index + 1 < seen.size else None,
        "unlock": shared.lock_of(request, now),
    }  # fmt: skip
    return shared.draw(request, "entry", context, here=f"Entry {index}")


def _asked(request: HttpRequest, filters: dict[str, str]) -> entries.Filter:
    asked = entries.Filter(
        kind=filters["kind"], customer=ids.parse_uuid(filters["customer"]), after=lists.day(filters["after"]),
        before=lists.day(filters["before"], end=True),
    )  # fmt: skip
    return _searched(request, asked, filters["q"]) if filters["q"] else asked


def _searched(request: HttpRequest, asked: entries.Filter, q: str) -> entries.Filter:
    """An entry's number, a message's id, or what finds a customer; anything else finds nothing."""
    if _is_index(q):
        return replace(asked, start=int(q), end=int(q))
    if (message := ids.parse_uuid(q)) is not None:
        return replace(asked, message=message)
    found = names.find_customer(request.actor, q) if request.actor.may("customer.view") else None
    return replace(asked, customer=found or ids.uuid4())


def _is_index(raw: str) -> bool:
    return raw.isascii() and raw.isdigit() and len(raw) < 18
