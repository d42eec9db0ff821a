"""Retention rules: the list in the order in which they decide, a form, and one rule with its simulation, its acts, its history."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from archive.flows import rule as flow
from archive.flows.rulecheck import Wanted, wanted_of
from archive.models import Rule
from archive.pages import ruleview, shared
from archive.queries import rules, simulation
from archive.rules import events, presets, scopes
from portal.kernel import clock, ids
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal
from portal.web import guards, pages
from portal.web import listing as lists

COLUMNS = (
    "code", "name", "state", "category", "kind", "purpose", "keep_for", "from", "action", "locked_at", "created_at",
    "activated_at", "retired_at",
)  # fmt: skip
MANAGE = flow.MANAGE
OF_NO_FORM = frozenset({Kind.UNAVAILABLE, Kind.UNAUTHENTICATED, Kind.FORBIDDEN, Kind.NOT_FOUND})


@guards.staff("retention.view")
@require_safe
def listing(request: HttpRequest) -> HttpResponseBase:
    if request.GET.get("format") == "csv":
        every = Rule.objects.order_by("-id")[: lists.MOST_IN_CSV]
        return lists.as_csv("retention-rules", COLUMNS, ruleview.csv_rows(every))
    rows, categories = list(Rule.objects.exclude(state=Rule.State.RETIRED).order_by("-id")), scopes.categories()
    active = rules.in_order(row for row in rows if row.state == Rule.State.ACTIVE)
    retired = Rule.objects.filter(state=Rule.State.RETIRED)
    context = {
        "rules": ruleview.shown(active, categories), "overlaps": ruleview.all_conflicts(active), "presets": presets.PRESETS,
        "drafts": ruleview.shown((row for row in rows if row.state == Rule.State.DRAFT), categories),
        "page": lists.page(request, retired, lambda found: ruleview.shown(found, categories)),
    }  # fmt: skip
    return shared.draw(request, "archive_rules", context, here="Retention")


@guards.staff(MANAGE)
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponseBase:
    """An empty form, one that a preset fills in, or the next version of a rule in force."""
    follows = ids.parse_uuid(request.POST.get("follows") or request.GET.get("follows"))
    if request.method == "GET":
        return _form(request, ruleview.values_of(_begin(request, follows)), follows)
    try:
        row = flow.create(actor=request.actor, now=clock.now(), wanted=_wanted(request), follows=follows)
    except Refusal as refusal:
        return _form(request, request.POST.dict(), follows, refusal)
    return _to(row.id)


@guards.staff(MANAGE)
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, rule_id: UUID) -> HttpResponseBase:
    row = rules.get_rule_for(request.actor, rule_id)
    if request.method == "GET":
        return _form(request, ruleview.values_of(wanted_of(row)), row.follows_id, of=row)
    try:
        flow.change(actor=request.actor, now=clock.now(), rule_id=rule_id, wanted=_wanted(request))
    except Refusal as refusal:
        return _form(request, request.POST.dict(), row.follows_id, refusal, of=row)
    return _to(rule_id)


@guards.staff("retention.view")
@require_safe
def rule(request: HttpRequest, rule_id: UUID) -> HttpResponseBase:
    return _page(request, rules.get_rule_for(request.actor, rule_id))


@guards.staff(MANAGE)
@require_POST
def simulate(request: HttpRequest, rule_id: UUID) -> HttpResponseBase:
    """The result stands on the answer to this POST: it is true for this moment only."""
    found = flow.simulate(actor=request.actor, now=clock.now(), rule_id=rule_id)
    return _page(request, rules.get_rule_for(request.actor, rule_id), found)


@guards.staff(MANAGE)
@require_POST
def activate(request: HttpRequest, rule_id: UUID) -> HttpResponseBase:
    reason, retroactive = request.POST.get("reason", "")[:1000], request.POST.get("retroactive") == "1"
    return _act(request, rule_id, "The rule is in force.", lambda actor: flow.activate(
        actor=actor, now=clock.now(), rule_id=rule_id, retroactive=retroactive, reason=reason
    ))  # fmt: skip


@guards.staff(MANAGE)
@require_POST
def retire(request: HttpRequest, rule_id: UUID) -> HttpResponseBase:
    reason = request.POST.get("reason", "")[:1000]
    return _act(request, rule_id, "The rule is retired.", lambda actor: flow.retire(
        actor=actor, now=clock.now(), rule_id=rule_id, reason=reason
    ))  # fmt: skip


@guards.staff(MANAGE)
@require_POST
def lock(request: HttpRequest, rule_id: UUID) -> HttpResponseBase:
    """Nobody can undo it, so the name is asked for here too, not only by the page's script."""
    row = rules.get_rule_for(request.actor, rule_id)
    if request.POST.get("confirm", "").strip() != row.name:
        return _page(request, row, refusal=Refusal("name_differs", "Type the rule's name to lock it.", field="confirm"))
    return _act(request, rule_id, "The rule is locked for good.", lambda actor: flow.lock(
        actor=actor, now=clock.now(), rule_id=rule_id
    ))  # fmt: skip


# ── parts ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _act(request: HttpRequest, rule_id: UUID, done: str, act: Any) -> HttpResponseBase:
    actor: Actor = request.actor
    try:
        changed: flow.Changed = act(actor)
    except Refusal as refusal:
        if refusal.kind in OF_NO_FORM:
            raise
        return _page(request, rules.get_rule_for(actor, rule_id), refusal=refusal)
    messages.success(request, done if not changed.approval else "Asked. It waits for a second person under Approvals.")
    return _to(rule_id)


def _to(rule_id: UUID) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("console:archive_rule", args=[rule_id]))


def _page(
    request: HttpRequest, row: Rule, found: simulation.Result | None = None, refusal: Refusal | None = None
) -> HttpResponseBase:  # fmt: skip
    history = ruleview.versions(row)
    before = next((one for one in history if one.id == row.follows_id), None)
    context: dict[str, Any] = {
        "rule": ruleview.shown([row])[0], "history": ruleview.with_people(history), "overlaps": ruleview.conflicts(row),
        "before": ruleview.shown([before])[0] if before else None, "waiting": ruleview.waiting_for(row, request.actor),
        "values": {name: request.POST.get(name, "") for name in ("reason", "retroactive")},
        **(ruleview.told(found) if found else {}), **(_told(refusal) if refusal else {}),
    }  # fmt: skip
    return shared.draw(
        request, "archive_rule", context, here=row.name, under="Retention", status=422 if refusal else 200
    )


def _form(
    request: HttpRequest, values: dict[str, str], follows: UUID | None, refusal: Refusal | None = None, of: Rule | None = None
) -> HttpResponseBase:  # fmt: skip
    if refusal and refusal.kind in OF_NO_FORM - {Kind.NOT_FOUND}:
        raise refusal
    context = {
        "values": values, "follows": follows, "rule": of, "events": ruleview.EVENTS, "actions": ruleview.ACTIONS,
        "units": ruleview.UNITS, "kinds": scopes.KINDS.items(), "purposes": scopes.PURPOSES.items(),
        "categories": scopes.categories().items(), "is_default": _is_default(follows), **(_told(refusal) if refusal else {}),
    }  # fmt: skip
    title = "Change the draft" if of else "New rule"
    return shared.draw(
        request, "archive_rule_form", context, here=title, under="Retention", status=422 if refusal else 200
    )


def _told(refusal: Refusal) -> dict[str, Any]:
    field = str(refusal.fields.get("field", "")).removeprefix("scope.")
    return {"errors": {field: refusal.message}} if field else {"refusal": pages.words(refusal)}


def _is_default(follows: UUID | None) -> bool:
    return bool(follows) and Rule.objects.filter(id=follows, is_default=True).exists()


def _begin(request: HttpRequest, follows: UUID | None) -> Wanted:
    if follows:
        return wanted_of(rules.get_rule_for(request.actor, follows))
    chosen = next((one for one in presets.PRESETS if one.key == request.GET.get("preset")), None)
    if chosen:
        return Wanted(name=chosen.title, keep_for=chosen.keep_for, event=chosen.event)
    return Wanted(name="", keep_for="P1Y")


def _wanted(request: HttpRequest) -> Wanted:
    given = {name: request.POST.get(name, "").strip()[:200] for name in (*request.POST, "name")}
    event = given.get("from", "")
    number, unit = given.get("number", ""), given.get("unit", "")
    return Wanted(
        name=" ".join(given["name"].split()), keep_for=f"P{number}{unit}",
        event=f"{events.FIELD}{given.get('field', '')}" if event == "field" else event, action=given.get("action", ""),
        category=given.get("category", ""), kind=given.get("kind", ""), purpose=given.get("purpose", ""),
    )  # fmt: skip
