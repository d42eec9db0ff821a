"""Templates, opened. Whoever may write to customers sees them all: they are the business's own reusable text."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import F, QuerySet

from messaging.models import Customer, Template, TemplateVersion
from messaging.queries import customers, profiles
from messaging.rules import template, wording
from portal.kernel import keys
from portal.kernel.actors import Actor
from portal.kernel.errors import Refusal, not_found

NAME, TEXT = "template.name", "template.text"
LOOKED_AT = 200  # profiles are sealed: the names of the business's own fields are those of its newest customers


@dataclass(frozen=True, slots=True)
class Shown:
    """A template with one of its versions. `number` is that version's; `version` the newest."""

    id: UUID
    name: str
    is_quick_answer: bool
    version: int
    created_at: datetime
    updated_at: datetime
    number: int
    text: wording.Wording


def get_templates_for(actor: Actor, *, quick_answer: bool | None = None) -> QuerySet[Template]:
    actor.require("message.send")
    rows = Template.objects.all()
    return rows if quick_answer is None else rows.filter(is_quick_answer=quick_answer)


def get_template_for(actor: Actor, template_id: UUID, number: int | None = None) -> Shown:
    """With its newest version, or that of this number."""
    row = get_templates_for(actor).filter(id=template_id).first()
    found = open_all([row], number) if row else []
    if not found:
        raise not_found("template")
    return found[0]


def get_versions_for(actor: Actor, template_id: UUID) -> list[TemplateVersion]:
    """Newest first."""
    actor.require("message.send")
    return list(TemplateVersion.objects.filter(template_id=template_id).order_by("-number"))


def open_all(rows: list[Template], number: int | None = None) -> list[Shown]:
    """In their order; one without that version is absent."""
    wanted = {row.id: number or row.version for row in rows}
    found = TemplateVersion.objects.filter(template_id__in=wanted, number__in=set(wanted.values()))
    texts = {one.template_id: one for one in found if one.number == wanted[one.template_id]}
    return [_shown(row, texts[row.id]) for row in rows if row.id in texts]


def compiled(template_id: UUID) -> wording.Compiled:
    """The newest version, to be rendered for many. Refuses `unknown_template`."""
    row = Template.objects.filter(id=template_id).first()
    shown = open_all([row]) if row else []
    if not shown:
        raise unknown()
    return wording.Compiled(shown[0].text)


@dataclass(frozen=True, slots=True)
class QuickAnswer:
    """What one tap puts into a reply to this customer."""

    id: UUID
    name: str
    body: str
    format: str


def quick_answers_for(actor: Actor, to: customers.Recipient | None) -> list[QuickAnswer]:
    """In the customer's language, with their values; by name. One that lacks a value is not offered."""
    actor.require("message.send")
    if to is None:
        return []
    newest = TemplateVersion.objects.select_related("template").filter(
        template__is_quick_answer=True, number=F("template__version")
    )
    rows = [_shown(one.template, one) for one in newest]
    made = (_quick(one, to) for one in sorted(rows, key=lambda one: one.name.casefold()))
    return [one for one in made if one is not None]


def _quick(one: Shown, to: customers.Recipient) -> QuickAnswer | None:
    try:
        text = wording.Compiled(one.text).render(values_of(to.profile, {}), to.language)
    except Refusal:
        return None
    return QuickAnswer(one.id, one.name, text.body, one.text.format)


def unknown() -> Refusal:
    return Refusal("unknown_template", "There is no such template.", field="template")


def values_of(profile: profiles.Profile, given: Mapping[str, object]) -> dict[str, object]:
    """What fills the variables for one customer: what the call gave, else the profile. Fields never hide name and reference."""
    return {**profile.fields, "name": profile.name, "reference": profile.reference, **given}


def known_fields() -> list[str]:
    """The names of the business's own fields that a variable can have."""
    newest = Customer.objects.filter(state=Customer.State.ACTIVE).order_by("-id").values_list("id", "sealed_profile")
    found = {name for pk, sealed in newest[:LOOKED_AT] for name in profiles.open_(pk, sealed).fields}
    return sorted(name for name in found if template.is_name(name) and name not in template.OF_CUSTOMER)


def name_of(row: Template) -> str:
    return keys.open_field(NAME, row.id, row.sealed_name).decode()


def wording_of(row: TemplateVersion) -> wording.Wording:
    return wording.from_json(json.loads(keys.open_field(TEXT, row.id, row.sealed)))


def _shown(row: Template, version: TemplateVersion) -> Shown:
    return Shown(
        row.id, name_of(row), row.is_quick_answer, row.version, row.created_at, row.updated_at, version.number,
        wording_of(version),
    )  # fmt: skip
