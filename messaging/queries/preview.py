"""How a text would read: for a customer as they are known, or with what stands in for one. Sends nothing, stores nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from messaging.queries import customers, profiles, templates
from messaging.rules import compose, markdown, template, wording
from portal.kernel.actors import Actor
from portal.kernel.errors import Refusal

SAMPLE_NUMBER = "1234.50"


@dataclass(frozen=True, slots=True)
class Preview:
    """One text as its reader sees it; `html` if it is Markdown; `problem` in words where it cannot be sent like this."""

    language: str
    subject: str = ""
    body: str = ""
    html: str | None = None
    answers: tuple[str, ...] = ()
    problem: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class Reader:
    """Whom a preview is for."""

    values: Mapping[str, object]
    language: str


def reader_for(actor: Actor, customer_id: UUID, given: Mapping[str, object] | None = None) -> Reader:
    row = customers.get_customer_for(actor, customer_id)
    profile = profiles.open_(row.id, row.sealed_profile)
    return Reader(templates.values_of(profile, given or {}), row.language)


def in_each_language(text: wording.Wording, reader: Reader | None, now: datetime) -> list[Preview]:
    """A draft of a template, in all its languages. Without a reader samples stand where values would; with one, only for
    what a call may bring along. A variable that nobody would fill is a problem here as it is when it is saved."""
    known = {*template.OF_CUSTOMER, *text.variables, *templates.known_fields()}
    return [_checked(text, tag, known) or _one(text, tag, reader, now) for tag in text.texts]


def _checked(text: wording.Wording, tag: str, known: set[str]) -> Preview | None:
    one = text.texts[tag]
    try:
        for part, name in ((one.subject, "subject"), (one.body, "body")):
            template.check_known(template.parse(part, name), known, name)
    except Refusal as refusal:
        return Preview(tag, problem=said(refusal), field=str(refusal.fields["field"]))
    return None


def with_samples(text: wording.Wording, given: Mapping[str, object], now: datetime) -> Preview:
    """In its default language, for nobody in particular: what was given, else samples."""
    return _one(text, text.default, Reader({**_samples(text.texts[text.default], now), **given}, text.default), None)


def for_reader(text: wording.Wording, reader: Reader) -> Preview:
    """In the language that this reader would get."""
    return _one(text, text.language_for(reader.language), reader, None)


def _one(text: wording.Wording, tag: str, reader: Reader | None, now: datetime | None) -> Preview:
    alone = wording.Wording({tag: text.texts[tag]}, tag, text.format)
    try:
        values = _samples(text.texts[tag], now) if now else {}
        if reader:
            values = {name: values[name] for name in text.variables if name in values} | dict(reader.values)
        made = wording.Compiled(alone).render(values, reader.language if reader else tag)
    except Refusal as refusal:
        return Preview(tag, problem=said(refusal), field=str(refusal.fields.get("field", "body")))
    return shown(tag, made.subject, made.body, text.format, made.answers)


def shown(language: str, subject: str, body: str, form: str, answers: tuple[str, ...] = ()) -> Preview:
    return Preview(language, subject, body, markdown.to_html(body) if form == "markdown" else None, answers)


def literal(subject: str, body: str, form: str) -> Preview:
    """A text of its own: no variables."""
    try:
        compose.check_text(body, "body")
        compose.check_subject(subject)
    except Refusal as refusal:
        return Preview("", problem=refusal.message, field=str(refusal.fields.get("field", "body")))
    return shown("", subject, body, form)


def _samples(text: wording.Text, now: datetime) -> dict[str, object]:
    """A name in brackets, today, a number."""
    places = [*template.parse(text.subject, "subject").places, *template.parse(text.body).places]
    by_kind: dict[str, object] = {"date": now, "number": SAMPLE_NUMBER}
    return {place.name: by_kind.get(place.kind) or f"[{place.name}]" for place in places}


def said(refusal: Refusal) -> str:
    """With the variable's name, or the place: an editor shows whose text it is anyway."""
    if name := refusal.fields.get("variable"):
        return f"{refusal.message} ({name})"
    position = refusal.fields.get("position")
    return refusal.message if position is None else f"{refusal.message} (character {int(str(position)) + 1})"
