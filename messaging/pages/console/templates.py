"""Templates: the business's own texts, in its languages, each version with what changed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from messaging.flows import template as flow
from messaging.pages.console import shared
from messaging.queries import preview, templates
from messaging.rules import difference, wording
from messaging.rules import template as rule
from portal.accounts.queries import staff
from portal.kernel import clock, ids, tongues
from portal.kernel.errors import Refusal
from portal.web import acting, guards
from portal.web import listing as lists

TRAIL = (("Compose", "compose"), ("Templates", "templates"))
COLUMNS = ("id", "name", "quick_answer", "format", "languages", "version", "updated_at")
LANGUAGES = tuple(tongues.NAMES.items())


@guards.staff("message.send")
@require_safe
def listing(request: HttpRequest) -> HttpResponseBase:
    filters = lists.chosen(request, "q", "kind")
    quick = {"quick": True, "letters": False}.get(filters["kind"])
    rows = templates.get_templates_for(request.actor, quick_answer=quick)
    if part := filters["q"].casefold():  # names are sealed: there are at most a thousand
        rows = rows.filter(id__in=[row.id for row in rows if part in templates.name_of(row).casefold()])
    if request.GET.get("format") == "csv":
        return lists.as_csv(
            "templates", COLUMNS, [_line(one) for one in templates.open_all(list(rows.order_by("-id")))]
        )
    context = {
        "page": lists.page(request, rows, lambda found: [_line(one) for one in templates.open_all(found)]),
        "filters": filters, "can": shared.may(request, manage="template.manage"),
    }  # fmt: skip
    return shared.draw(request, "templates", "compose", context, trail=TRAIL[:1])


def named(request: HttpRequest) -> list[dict[str, str]]:
    """To choose one from, by name."""
    rows = templates.get_templates_for(request.actor)
    found = [{"id": str(row.id), "name": templates.name_of(row)} for row in rows]
    return sorted(found, key=lambda one: one["name"].casefold())


def name_for(request: HttpRequest, template_id: UUID) -> str:
    """ "" where it was deleted."""
    row = templates.get_templates_for(request.actor).filter(id=template_id).first()
    return templates.name_of(row) if row else ""


def _line(one: templates.Shown) -> dict[str, Any]:
    return {
        "id": one.id, "name": one.name, "quick_answer": one.is_quick_answer, "format": one.text.format,
        "languages": list(one.text.texts), "version": one.version, "updated_at": one.updated_at,
        "begins": next(iter(one.text.texts.values())).body[:90],
    }  # fmt: skip


@guards.staff("template.manage")
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponseBase:
    if request.method == "GET":
        first = {"name": "", "format": "text", "variables": "", "texts": [_text("en")], "default": "0"}
        return _form(request, first, {})
    values = _values(request)
    if _reshape(request, values):
        return _form(request, values, {})
    try:
        made = flow.create(
            actor=request.actor, now=clock.now(), name=values["name"], text=_wording(values),
            is_quick_answer=values["quick_answer"],
        )  # fmt: skip
    except Refusal as refusal:
        return _form(request, values, _errors(refusal, values), status=422)
    return shared.go("template", made)


@guards.staff("message.send")
@require_http_methods(["GET", "POST"])
def template(request: HttpRequest, template_id: UUID) -> HttpResponseBase:
    """The editor, for who may write templates; for others what it says."""
    one = templates.get_template_for(request.actor, template_id)
    if request.method == "GET":
        return _form(request, _stored(one), {}, one)
    request.actor.require("template.manage")
    values = _values(request)
    if _reshape(request, values):
        return _form(request, values, {}, one)
    changes = flow.Changes(
        name=values["name"], is_quick_answer=values["quick_answer"], text=_wording(values),
        version=shared.number(request.POST.get("version", "")),
    )  # fmt: skip
    try:
        flow.change(actor=request.actor, now=clock.now(), template_id=template_id, changes=changes)
    except Refusal as refusal:
        return _form(request, values, _errors(refusal, values), one, status=422)
    return shared.go("template", template_id)


@guards.staff("message.send")
@require_safe
def version(request: HttpRequest, template_id: UUID, number: int) -> HttpResponseBase:
    """One version and what it changed."""
    one = templates.get_template_for(request.actor, template_id, number)
    rows = templates.get_versions_for(request.actor, template_id)
    earlier = next((row for row in rows if row.number < number), None)
    before = templates.wording_of(earlier) if earlier else wording.Wording({})
    row = next(row for row in rows if row.number == number)
    context = {
        "template": one, "number": number, "earlier": earlier.number if earlier else None, "at": row.at,
        "author": staff.get_names([row.author])[row.author], "changes": _changes(before, one.text),
        "format_was": before.format if earlier and before.format != one.text.format else "", "format": one.text.format,
        "versions": [other.number for other in rows],
    }  # fmt: skip
    trail = (*TRAIL, (one.name, ""))
    return shared.draw(request, "template_version", "compose", context, trail=trail)


def _changes(before: wording.Wording, after: wording.Wording) -> list[dict[str, Any]]:
    nothing = wording.Text("", "")
    found = []
    for tag in dict.fromkeys([*after.texts, *before.texts]):
        old, new = before.texts.get(tag, nothing), after.texts.get(tag, nothing)
        found.append({
            "language": tag, "is_new": tag not in before.texts, "is_gone": tag not in after.texts, "is_same": old == new,
            "subject": difference.between(old.subject, new.subject), "body": difference.between(old.body, new.body),
            "answers": difference.between("\n".join(old.answers), "\n".join(new.answers)),
        })  # fmt: skip
    return found


@guards.staff("template.manage")
@require_POST
def delete(request: HttpRequest, template_id: UUID) -> HttpResponseBase:
    return acting.act(request, shared.go("templates"), "Deleted. What was sent by it stays as it was sent.", lambda: (
        flow.delete(actor=request.actor, now=clock.now(), template_id=template_id)
    ))  # fmt: skip


@guards.staff("message.send")
@require_POST
def show(request: HttpRequest) -> HttpResponseBase:
    """The live preview: the form as it stands, for a customer or with samples."""
    values = _values(request)
    chosen = ids.parse_uuid(request.POST.get("customer") or "")
    reader = preview.reader_for(request.actor, chosen, _given(request)) if chosen else None
    seen = preview.in_each_language(_wording(values), reader, clock.now())
    return JsonResponse({"texts": [vars_of(one) for one in seen]})


def vars_of(one: preview.Preview) -> dict[str, str | list[str] | None]:
    return {
        "language": one.language, "subject": one.subject, "body": one.body, "html": one.html,
        "answers": list(one.answers), "problem": one.problem, "field": one.field,
    }  # fmt: skip


def _given(request: HttpRequest) -> dict[str, object]:
    """Variables that a page asked for: `var-<name>`."""
    return {
        name[4:]: str(value) for name, value in request.POST.items() if name.startswith("var-") and str(value).strip()
    }


# ── the form ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _values(request: HttpRequest) -> dict[str, Any]:
    """As it was typed. Texts are numbered; a row is as good as its place."""
    posted = request.POST
    count = min(shared.number(posted.get("count", "")) or 1, wording.MOST_LANGUAGES)
    texts = [
        _text(
            posted.get(f"language-{n}", "").strip(), posted.get(f"subject-{n}", ""),
            posted.get(f"body-{n}", "").replace("\r\n", "\n"), posted.get(f"answers-{n}", ""),
        )
        for n in range(count)
    ]  # fmt: skip
    return {
        "name": posted.get("name", "").strip(), "format": posted.get("format", "text"), "texts": texts,
        "variables": posted.get("variables", ""), "quick_answer": bool(posted.get("quick_answer")),
        "default": posted.get("default", "0"), "version": posted.get("version", ""),
    }  # fmt: skip


def _text(language: str, subject: str = "", body: str = "", answers: str = "") -> dict[str, str]:
    return {"language": language, "subject": subject, "body": body, "answers": answers}


def _stored(one: templates.Shown) -> dict[str, Any]:
    texts = [_text(tag, text.subject, text.body, "\n".join(text.answers)) for tag, text in one.text.texts.items()]
    return {
        "name": one.name, "format": one.text.format, "texts": texts, "variables": ", ".join(one.text.variables),
        "quick_answer": one.is_quick_answer, "default": str(list(one.text.texts).index(one.text.default)),
        "version": str(one.version),
    }  # fmt: skip


def _reshape(request: HttpRequest, values: dict[str, Any]) -> bool:
    """One language more, or one less: a form that works without a script."""
    act = request.POST.get("act", "")
    gone = shared.number(act.removeprefix("remove-")) if act.startswith("remove-") else None
    if gone is not None and len(values["texts"]) > 1 and gone < len(values["texts"]):
        del values["texts"][gone]
        values["default"] = "0"
    elif act == "add" and len(values["texts"]) < wording.MOST_LANGUAGES:
        taken = {text["language"] for text in values["texts"]}
        fresh = next((code for code, _ in LANGUAGES if code not in taken), "")
        values["texts"].append(_text(fresh))
    return gone is not None or act == "add"


def _wording(values: dict[str, Any]) -> wording.Wording:
    texts = {
        one["language"]: wording.Text(one["subject"], one["body"], shared.lines(one["answers"]))
        for one in values["texts"]
    }
    if len(texts) < len(values["texts"]):
        raise Refusal("bad_languages", "Two texts are in the same language. Change one of them.", field="texts")
    listed = (name.strip() for name in values["variables"].replace("\n", ",").split(","))
    default = shared.number(values["default"]) or 0
    names = list(texts)
    return wording.Wording(
        texts, names[default] if default < len(names) else names[0], values["format"],
        tuple(dict.fromkeys(name for name in listed if name)),
    )  # fmt: skip


def _errors(refusal: Refusal, values: dict[str, Any]) -> dict[str, Any]:
    """A refusal of one text stands at that text."""
    told = acting.told(refusal)
    tag = refusal.fields.get("language")
    if tag is None:
        return told
    words = preview.said(refusal)
    for text in values["texts"]:
        if text["language"] == tag:
            text[f"{refusal.fields.get('field', 'body')}_error"] = words
    return {}


def _form(
    request: HttpRequest, values: dict[str, Any], extra: dict[str, Any], one: templates.Shown | None = None, status: int = 200
) -> HttpResponseBase:  # fmt: skip
    can = shared.may(request, manage="template.manage", send="message.send")
    versions = templates.get_versions_for(request.actor, one.id) if one else []
    context = {
        "values": values, "template": one, "can": can, "languages": LANGUAGES, "own_fields": templates.known_fields(),
        "of_customer": rule.OF_CUSTOMER, "types": rule.TYPES, "versions": _versions(versions), **extra,
        "previews": _first_look(values, clock.now()),
    }  # fmt: skip
    trail = (*TRAIL, (one.name if one else "New", ""))
    return shared.draw(request, "template", "compose", context, trail=trail, status=status)


def _versions(rows: list[Any]) -> list[dict[str, Any]]:
    names = staff.get_names(row.author for row in rows)
    return [{"number": row.number, "at": row.at, "author": names[row.author]} for row in rows]


def _first_look(values: dict[str, Any], now: datetime) -> list[preview.Preview]:
    """What the preview shows before a script asks for more, and where none runs."""
    try:
        return preview.in_each_language(_wording(values), None, now)
    except Refusal:
        return []
