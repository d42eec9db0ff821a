"""What the archive's pages share: the state of the lock, an entry as it is shown, its proof in steps."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from archive.flows import search, unlock
from archive.ledger import LedgerError, merkle
from archive.ledger import proof as proofs_format
from archive.ledger.kinds import KINDS
from archive.models import Checkpoint
from archive.queries import asked, entries, proofs, sealed
from archive.rules import query as language
from archive.rules import searchform
from portal.kernel import ids
from portal.kernel.actors import Actor
from portal.kernel.errors import Refusal
from portal.web import listing as lists
from portal.web import names

COOKIE = "__Host-ebb-archive"
LISTS = {
    "Cases": "archive_cases", "Retention": "archive_rules", "Holds": "archive_holds", "Disposal": "archive_disposal",
    "Exports": "archive_exports", "Keys": "archive_keys",
}  # fmt: skip
WITH_RECORD = frozenset({"message.sent", "message.received"})


def draw(
    request: HttpRequest, name: str, context: dict[str, Any], *, here: str = "", under: str = "", status: int = 200
) -> HttpResponse:
    """`here`: the title of this page where it is not the archive's first; `under`: the list that it belongs to."""
    trail = [("Archive", "archive"), *([(under, LISTS[under])] if under else [])]
    crumbs = [{"title": title, "url": reverse(f"console:{url}")} for title, url in trail] if here else []
    crumbs += [{"title": here, "url": ""}] if here else []
    whole = {
        "section": "archive",
        "crumbs": crumbs,
        "can": {"open_archive": request.actor.may("archive.open")},
        **context,
    }
    return render(request, f"console/{name}.html", whole, status=status)


def lock_of(request: HttpRequest, now: datetime) -> dict[str, datetime] | None:
    """{since, until} while this browser holds its half of the key and the session the other."""
    if COOKIE not in request.COOKIES or not request.session.session_key:
        return None
    until = unlock.is_open(actor=request.actor, now=now, session_key=request.session.session_key)
    return {"since": until - unlock.IDLE_FOR, "until": until} if until else None


def hand_over(response: HttpResponseBase, half: str) -> HttpResponseBase:
    """Give this browser its half of the key."""
    response.set_cookie(COOKIE, half, secure=True, httponly=True, samesite="Strict", path="/")
    return response


def browser_of(request: HttpRequest) -> search.Browser | None:
    """What a search of words needs; None where this browser never opened the archive."""
    if COOKIE not in request.COOKIES or not request.session.session_key:
        return None
    return search.Browser(request.session.session_key, request.COOKIES[COOKIE])


def brought(request: HttpRequest) -> str:
    """The query that a link brings to a form: of ids, codes and dates as it stands in the address, or what one asked in a
    search, by its id, as far as its results were narrowed."""
    search_id = ids.parse_uuid(request.GET.get("search", ""))
    if search_id is None:
        return request.GET.get("query", "")[: language.LONGEST]
    line = asked.get_asked_for(request.actor, search_id).query
    return searchform.narrowed(language.parse(line), lists.chosen(request, *searchform.NARROWING)).to_text()


def in_words(line: str, known: Mapping[UUID, str]) -> str:
    """The line as people read it, customers by name where it holds their ids. For the eye only: it is not parsed again."""
    try:
        terms = language.parse(line).terms
    except Refusal:
        return line
    return " ".join(_term_in_words(term, known) for term in terms)


def _term_in_words(term: language.Term, known: Mapping[UUID, str]) -> str:
    name = known.get(term.id) if term.name in language.PEOPLE and term.id else None
    return f'{"-" if term.negated else ""}{term.name}:"{name}"' if name else term.to_text()


def people_of(line: str) -> list[UUID]:
    """The customers that a query names by id."""
    try:
        return [term.id for term in language.parse(line).of(*language.PEOPLE) if term.id]
    except Refusal:
        return []


def called(actor: Actor, *lines: str) -> dict[UUID, str]:
    """The names of the customers that these queries name by id, for who may see customers."""
    people = {pk for line in lines for pk in people_of(line)} if actor.may("customer.view") else set()
    return names.customers(people) if people else {}


def who(line: str, known: Mapping[UUID, str]) -> str:
    """What a form says below an id: whose it is."""
    return ", ".join(dict.fromkeys(known[pk] for pk in people_of(line) if pk in known))


def shown(actor: Actor, found: Iterable[entries.Header], signed: int) -> list[dict[str, Any]]:
    """Headers as the templates show them, customers by name for who may see customers; `signed` entries are in the newest
    checkpoint."""
    listed = list(found)
    customers = names.customers(one.customer for one in listed) if actor.may("customer.view") else {}
    actors = names.actors(one.actor for one in listed)
    gone = sealed.disposed_at(one.message for one in listed if one.kind in WITH_RECORD)
    return [
        {
            "index": one.index, "kind": one.kind, "kind_label": one.kind, "at": one.time,
            "words": KINDS.get(one.kind, one.kind), "actor": actors.get(one.actor, one.actor),
            "customer_id": one.customer, "customer_name": customers.get(one.customer, "") if one.customer else "",
            "message_id": one.message, "has_detail": one.has_detail,
            "has_record": one.kind in WITH_RECORD and one.message not in gone,
            "disposed_at": gone.get(one.message) if one.kind in WITH_RECORD and one.message else None,
            "pending": one.index >= signed, "leaf_hash": merkle.hash_leaf(one.leaf).hex(),
            "leaf_json": json.dumps(json.loads(one.leaf), indent=2, ensure_ascii=False),
        }
        for one in listed
    ]  # fmt: skip


def proof_of(header: entries.Header, newest: Checkpoint | None) -> dict[str, Any] | None:
    """The proof of an entry, checked here step by step; None until a checkpoint covers it."""
    if newest is None or header.index >= newest.size:
        return None
    try:
        text = proofs.lead_to(newest, header.index)
    except Refusal:
        return None
    parsed, holds = proofs_format.parse(text), _holds(text, newest.vkey, header)
    return {"tree_size": newest.size, "checkpoint_at": newest.signed_at, "steps": [
        {"title": "The exact bytes of the entry have this hash", "value": merkle.hash_leaf(header.leaf).hex(), "ok": True,
         "words": "SHA-256 over a zero byte and the leaf, as RFC 6962 says."},
        {"title": f"{len(parsed.path)} hashes lead from it to the root of {newest.size} entries", "ok": holds,
         "value": bytes(newest.root).hex(), "words": "No other bytes at this place lead to the same root."},
        {"title": "The log's key signed this root", "value": "", "ok": holds,
         "words": "An Ed25519 signature over the checkpoint: its name, its size and its root."},
        {"title": "Compare with a checkpoint that was kept outside", "value": "", "ok": None,
         "words": "That part is yours: a log that nobody else remembers only proves that it agrees with itself."},
    ]}  # fmt: skip


def _holds(text: str, vkey: str, header: entries.Header) -> bool:
    try:
        proofs_format.verify(text, vkey, header.leaf, index=header.index)
    except LedgerError:
        return False
    return True
