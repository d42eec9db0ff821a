"""Campaigns: drafts, who would get one, starting and stopping it, and how far it is."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from messaging.flows import campaign as flow
from messaging.flows import launch
from messaging.models import Campaign, Run
from messaging.pages.console import attachments, saved, shared, templates
from messaging.queries import audiences, campaigns, desk, following, policy, simulation
from messaging.rules import campaign as rules
from messaging.rules import compose as compose_rule
from messaging.rules import recurrence
from portal.accounts.queries import staff
from portal.kernel import clock, ids
from portal.kernel.errors import Kind, Refusal
from portal.web import acting, guards
from portal.web import listing as lists

STATES = [(str(state), str(state).capitalize()) for state in rules.State]
REASONS = {
    "closed": "their account is closed", "opted_out": "they opted out", "no_consent": "they have not agreed to this purpose",
    "missed": "it was too late when the system came back", "cancelled": "it was cancelled before their turn",
    "error": "something broke; it can be sent again", "missing_value": "a value of the text is missing for them",
}  # fmt: skip
REPEATS = (
    ("", "Does not repeat"), ("FREQ=DAILY", "Every day"), ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "Every weekday"),
    ("FREQ=WEEKLY", "Every week"), ("FREQ=WEEKLY;INTERVAL=2", "Every two weeks"), ("FREQ=MONTHLY", "Every month"),
    ("FREQ=YEARLY", "Every year"),
)  # fmt: skip
MISSED = (("", "As the business decided"), ("send", "Send it then"), ("skip", "Leave it out"), ("ask", "Ask me"))


def trail(request: HttpRequest) -> tuple[tuple[str, str], ...]:
    """The way here: by Compose for who writes, from the rail for who only looks."""
    above = (("Compose", "compose"),) if request.actor.may("message.send") else ()
    return (*above, ("Campaigns", "campaigns"))


@guards.staff("campaign.view")
@require_safe
def listing(request: HttpRequest) -> HttpResponseBase:
    filters = lists.chosen(request, "q", "state")
    rows = campaigns.get_campaigns_for(request.actor, state=filters["state"])
    if part := filters["q"].casefold():  # names are sealed
        rows = rows.filter(id__in=[row.id for row in rows if part in campaigns.name_of(row).casefold()])
    context = {
        "page": lists.page(request, rows, _lines), "filters": filters, "states": STATES,
        "views": saved.shown(request, "campaigns", filters),
        "can": shared.may(request, send="message.send"),
    }  # fmt: skip
    return shared.draw(request, "campaigns", "compose", context, trail=trail(request))


def _lines(found: list[Campaign]) -> list[dict[str, Any]]:
    runs = campaigns.runs_of([row.id for row in found], most=1)
    progress = campaigns.progress([one.id for listed in runs.values() for one in listed])
    return [
        {"id": row.id, "name": campaigns.name_of(row), "state": row.state, "when": when_in_words(row),
         "updated_at": row.updated_at, "run": next(iter(_runs(runs.get(row.id, []), progress)), None)}
        for row in found
    ]  # fmt: skip


def _runs(rows: list[Run], progress: dict[UUID, campaigns.Progress]) -> list[dict[str, Any]]:
    return [run_of(row, progress.get(row.id, campaigns.Progress())) for row in rows]


def run_of(row: Run, found: campaigns.Progress) -> dict[str, Any]:
    """A run as its bar, its line in a table and its page show it."""
    return {
        "id": row.id, "number": row.number, "state": row.state, "due_at": row.due_at, "started_at": row.started_at,
        "finished_at": row.finished_at, "recipients": row.recipients, "excluded": row.excluded, "passed_over": row.passed_over,
        "sent": found.sent, "suppressed": found.suppressed, "failed": found.failed, "missed": found.missed,
        "left": found.left, "asking": found.asking, "next_at": found.next_at, "done": found.done,
        "rate": round(found.rate) if found.rate else None, "seconds_left": found.seconds_left,
    }  # fmt: skip


def when_in_words(row: Campaign) -> str:
    """When it goes out, as its author planned it."""
    if row.repeat:
        wall = _first_wall(row)
        words = recurrence.words(recurrence.parse(row.repeat), wall) if wall else "repeats"
        return f"{words}, where each customer is" if row.send_at_local else words
    if row.send_at_local:
        return f"{datetime.fromisoformat(row.send_at_local):%-d %b %Y, %H:%M} where each customer is"
    return f"{row.send_at.astimezone(_zone()):%-d %b %Y, %H:%M}" if row.send_at else ""


def _first_wall(row: Campaign) -> datetime | None:
    if row.send_at_local:
        return datetime.fromisoformat(row.send_at_local)
    return row.send_at.astimezone(_zone()).replace(tzinfo=None) if row.send_at else None


def _zone() -> ZoneInfo:
    return ZoneInfo(policy.get_policy().time_zone)


# ── a draft ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@guards.staff("message.send")
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponseBase:
    if request.method == "GET":
        life = policy.get_policy().limits.gone_after
        return _form(request, {"audience": "", "gone_after": str(life), "format": "text", "time": "now"}, {})
    values = _typed(request)
    try:
        values["attachments"] = attachments.chosen(request, clock.now())
        saved = flow.create(actor=request.actor, now=clock.now(), wanted=_wanted(values))
    except Refusal as refusal:
        return _form(request, values, acting.told(refusal), status=422)
    return shared.go("campaign", saved.id)


@guards.staff("message.send")
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, campaign_id: UUID) -> HttpResponseBase:
    """`revision` is that of the draft the page was opened with: who saves an older one is told."""
    row, now = campaigns.get_campaign_for(request.actor, campaign_id), clock.now()
    if request.method == "GET":
        rules.check("change", row.state)
        return _form(request, _values_of(flow.read(actor=request.actor, now=now, campaign_id=row.id), row), {}, row)
    values = _typed(request)
    try:
        values["attachments"] = attachments.chosen(request, now)
        flow.change(
            actor=request.actor, now=now, campaign_id=row.id, wanted=_wanted(values),
            revision=shared.number(values.get("revision", "")) or 0,
        )  # fmt: skip
    except Refusal as refusal:
        return _form(request, values, _conflict(refusal), row, status=409 if refusal.kind is Kind.CONFLICT else 422)
    messages.success(request, "Saved.")
    return shared.go("campaign", row.id)


@guards.staff("message.send")
@require_POST
def save(request: HttpRequest, campaign_id: UUID) -> HttpResponseBase:
    """Autosave: the same as the form's button, answered as JSON."""
    campaigns.get_campaign_for(request.actor, campaign_id)
    values = _typed(request)
    try:
        values["attachments"] = attachments.chosen(request, clock.now())
        saved = flow.change(
            actor=request.actor, now=clock.now(), campaign_id=campaign_id, wanted=_wanted(values),
            revision=shared.number(values.get("revision", "")) or 0,
        )  # fmt: skip
    except Refusal as refusal:
        return JsonResponse({"code": refusal.code, "problem": refusal.message}, status=409)
    row = campaigns.get_campaign_for(request.actor, campaign_id)
    return JsonResponse({"revision": saved.revision, "warning": _untold(row, clock.now())})


def _untold(row: Campaign, now: datetime) -> str:
    """What its author should know before it goes out: words, or ""."""
    try:
        count = simulation.untold(row, now)
    except Refusal:  # its audience is gone: the page says so where it is chosen
        return ""
    if not count:
        return ""
    people = "one customer" if count == 1 else f"{count} customers"
    return f"For {people} it would end before quiet hours let a notice go out. Let it live longer, or send it by day."


def _conflict(refusal: Refusal) -> dict[str, Any]:
    if refusal.code == "campaign_changed":
        return {"errors": {}, "changed": refusal.message}
    return acting.told(refusal)


def _typed(request: HttpRequest) -> dict[str, Any]:
    body = request.POST.get("body", "").replace("\r\n", "\n")
    return {**request.POST.dict(), "body": body, "attachments": ()}


def _wanted(values: dict[str, Any]) -> flow.Wanted:
    audience = ids.parse_uuid(values.get("audience") or "")
    time, at = values.get("time", "now"), values.get("at", "")
    return flow.Wanted(
        name=values.get("name", ""), audience=audience, filter=None if audience else {}, body=values.get("body", ""),
        template=ids.parse_uuid(values.get("template") or ""), answers=shared.lines(values.get("answers", "")),
        subject=values.get("subject", ""), format=values.get("format", "text"), category=values.get("category", ""),
        gone_after=shared.number(values.get("gone_after", "")), gone_after_read=shared.number(values.get("gone_after_read", "")),
        tap_to_reveal=bool(values.get("tap_to_reveal")), send_at=_instant(at) if time == "at" else None,
        send_at_local=f"{at}:00" if time == "local" and len(at) == 16 else at if time == "local" else "",
        repeat=values.get("repeat_own") or values.get("repeat", "") if time != "now" else "", missed=values.get("missed", ""),
        attachments=values["attachments"],
    )  # fmt: skip


def _instant(typed: str) -> datetime:
    try:
        return datetime.fromisoformat(typed).replace(tzinfo=_zone())
    except ValueError:
        raise Refusal("bad_time", "Say on which day and at what time.", field="send_at") from None


def _values_of(wanted: flow.Wanted, row: Campaign) -> dict[str, Any]:
    time = "local" if wanted.send_at_local else "at" if wanted.send_at else "now"
    at = wanted.send_at_local or (wanted.send_at.astimezone(_zone()).isoformat()[:16] if wanted.send_at else "")
    known = {value for value, _ in REPEATS}
    return {
        "name": wanted.name, "audience": str(wanted.audience or ""), "subject": wanted.subject, "body": wanted.body,
        "template": str(wanted.template or ""), "answers": "\n".join(wanted.answers),
        "format": wanted.format, "category": wanted.category, "gone_after": str(wanted.gone_after or ""),
        "gone_after_read": str(wanted.gone_after_read or ""), "tap_to_reveal": wanted.tap_to_reveal, "time": time,
        "at": at[:16], "repeat": wanted.repeat if wanted.repeat in known else "",
        "repeat_own": "" if wanted.repeat in known else wanted.repeat, "missed": wanted.missed, "revision": row.revision,
        "attachments": wanted.attachments,
    }  # fmt: skip


def _form(
    request: HttpRequest, values: dict[str, Any], extra: dict[str, Any], row: Campaign | None = None, status: int = 200
) -> HttpResponseBase:
    current = policy.get_policy()
    title = campaigns.name_of(row) if row else "New campaign"
    context = {
        "values": values, "campaign_id": row.id if row else None, "title": title,
        "audiences": [{"id": str(one.id), "name": one.name} for one in audiences.get_audiences_for(request.actor)],
        "templates": templates.named(request), "categories": desk.categories(),
        "presets": shared.lives(current.limits.maximum_gone_after),
        "read_presets": shared.read_lives(), "repeats": REPEATS, "missed": MISSED, "limit": compose_rule.BODY_LIMIT,
        "time_zone": current.time_zone,
        "attached": _attached(request, values.get("attachments", ()), row),
        "untold": _untold(row, clock.now()) if row else "", "time_errors": _about_time(extra.get("errors", {})), **extra,
    }  # fmt: skip
    here = (*trail(request), (title, ""))
    return shared.draw(request, "campaign_form", "compose", context, trail=here, status=status)


def _attached(request: HttpRequest, wanted: Sequence[UUID], row: Campaign | None) -> list[dict[str, object]]:
    """Those of the draft that are still wanted, and uploads that wait."""
    now, named = clock.now(), {str(pk) for pk in wanted}
    held = flow.files_of(actor=request.actor, now=now, campaign_id=row.id) if row else []
    return [one for one in held if one["id"] in named] + attachments.waiting(request, now, wanted)


def _about_time(errors: dict[str, str]) -> list[str]:
    """The API has two fields where the page has one."""
    return [said for name, said in errors.items() if name in {"send_at", "send_at_local"}]


# ── one campaign ──────────────────────────────────────────────────────────────────────────────────────────────────────
@guards.staff("campaign.view")
@require_safe
def campaign(request: HttpRequest, campaign_id: UUID) -> HttpResponseBase:
    return _page(request, campaign_id, {})


@guards.staff("campaign.view")
@require_POST
def read(request: HttpRequest, campaign_id: UUID) -> HttpResponseBase:
    """The words of somebody else's campaign: an entry says so before the page does."""
    words = flow.read(actor=request.actor, now=clock.now(), campaign_id=campaign_id)
    return _page(request, campaign_id, {"words": words})


@guards.staff("campaign.view")
@require_POST
def simulate(request: HttpRequest, campaign_id: UUID) -> HttpResponseBase:
    try:
        found = launch.simulate(actor=request.actor, now=clock.now(), campaign_id=campaign_id)
    except Refusal as refusal:
        return _page(request, campaign_id, acting.told(refusal), status=422)
    simulated = {
        "recipients": found.count.recipients, "excluded": [(REASONS.get(why, why), count) for why, count in
                                                           sorted(found.count.excluded.items())],
        "samples": found.samples, "problems": found.problems,
    }  # fmt: skip
    return _page(request, campaign_id, {"simulated": simulated})


@guards.staff("message.send")
@require_POST
def start(request: HttpRequest, campaign_id: UUID) -> HttpResponseBase:
    """`verb` send or schedule. Sent at once it waits for the undo window, on the server."""
    reason, now = request.POST.get("reason", ""), clock.now()
    try:
        if request.POST.get("verb") == "schedule":
            started = launch.schedule(actor=request.actor, now=now, campaign_id=campaign_id, reason=reason)
        else:
            undo = policy.get_policy().campaigns.undo_for
            started = launch.send(actor=request.actor, now=now, campaign_id=campaign_id, undo_for=undo, reason=reason)
    except Refusal as refusal:
        return _page(request, campaign_id, acting.told(refusal), status=422)
    if started.approval is not None:
        messages.info(request, "A second person is asked to agree. Nothing is sent before they do.")
    return shared.go("campaign", campaign_id)


ACTS = {
    "pause": (flow.pause, "Paused. Nothing more is sent until it is taken up again."),
    "resume": (flow.resume, "It goes on."),
    "cancel": (flow.cancel, "Cancelled. Nothing more is sent; what was sent stays sent."),
    "resend": (flow.resend, "It is tried again for those it failed for."),
}


@guards.staff("message.send")
@require_POST
def act(request: HttpRequest, campaign_id: UUID, verb: str) -> HttpResponseBase:
    campaigns.get_campaign_for(request.actor, campaign_id)
    acted, done = ACTS[verb]
    return acting.act(request, shared.go("campaign", campaign_id), done, lambda: (
        acted(actor=request.actor, now=clock.now(), campaign_id=campaign_id)
    ))  # fmt: skip


def _page(request: HttpRequest, campaign_id: UUID, extra: dict[str, Any], status: int = 200) -> HttpResponseBase:
    row, now = campaigns.get_campaign_for(request.actor, campaign_id), clock.now()
    listed = campaigns.runs_of([row.id]).get(row.id, [])
    runs = _runs(listed, campaigns.progress([one.id for one in listed]))
    name = campaigns.name_of(row)
    live = following.state_of_campaign(row, listed[0] if listed else None, runs[0]["asking"] if runs else 0)
    context = {
        "campaign": {
            "id": row.id, "name": name, "state": row.state, "live": live, "when": when_in_words(row), "category": row.category,
            "audience": _audience(row), "author": staff.get_names([row.author])[row.author],
            "life": shared.words_for(row.gone_after), "read_life": shared.words_for(row.gone_after_read),
            "tap_to_reveal": row.tap_to_reveal, "next": _next_days(row), "is_own": row.author == request.actor.label,
        },
        "runs": runs, "run": runs[0] if runs else None, "undo": _undo(row, listed, now),
        "untold": _untold(row, now) if row.state == rules.State.DRAFT else "", "words": _own_words(request, row, now),
        "can": {verb: request.actor.may("message.send") and rules.may(verb, row.state) for verb in rules.VERBS}
        | shared.may(request, archive="archive.list", ledger="message.view", decide="campaign.approve")
        | {"words": flow.may_read(request.actor, row)}, **extra,
    }  # fmt: skip
    if context["words"]:
        context |= _beside(request, row.id, context["words"], now)
    return shared.draw(request, "campaign", "compose", context, trail=(*trail(request), (name, "")), status=status)


def _audience(row: Campaign) -> dict[str, Any]:
    if row.audience_id is None:
        return {"name": "Everyone" if not campaigns.filter_of(row) else "A filter of its own"}
    found = campaigns.audience_named(row)
    return {"name": found.name if found else "An audience that was deleted", "id": found.id if found else None}


def _undo(row: Campaign, runs: list[Run], now: datetime) -> dict[str, Any] | None:
    """A campaign that was sent at once and has not begun: it can be taken back until then."""
    if row.state != rules.State.SCHEDULED or row.send_at or row.send_at_local or not runs or runs[0].due_at <= now:
        return None
    return {"from": row.updated_at, "until": runs[0].due_at}


def _own_words(request: HttpRequest, row: Campaign, now: datetime) -> flow.Wanted | None:
    """An author sees their own; others ask for them (I9)."""
    if row.author != request.actor.label or row.bucket is None:
        return None
    try:
        return flow.read(actor=request.actor, now=now, campaign_id=row.id)
    except Refusal as refusal:
        if refusal.kind is not Kind.GONE:
            raise
        return None


def _beside(request: HttpRequest, campaign_id: UUID, words: flow.Wanted, now: datetime) -> dict[str, Any]:
    """What its words are by and come with, by name."""
    files = flow.files_of(actor=request.actor, now=now, campaign_id=campaign_id) if words.attachments else []
    named = words.template if request.actor.may("message.send") else None
    return {"template": templates.name_for(request, named) if named else "", "files": files}


def _next_days(row: Campaign) -> list[datetime]:
    wall = _first_wall(row)
    return recurrence.next_days(recurrence.parse(row.repeat), wall) if row.repeat and wall else []
