"""Templates: written, changed, deleted. A change of the text is a new version; what was sent keeps the words it was sent with."""

import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from messaging.models import Template, TemplateVersion
from messaging.queries import templates
from messaging.rules import compose, wording
from portal.kernel import ids, keys, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal, not_found

NAME_LIMIT = 100
MOST = 1000  # of a business
MOST_VERSIONS = 500  # of one template: the oldest goes


@dataclass(frozen=True)
class Changes:
    """What is to be different. None means: leave as it is. `version` is what the caller saw last, if it wants to be told of
    somebody else's change."""

    name: str | None = None
    is_quick_answer: bool | None = None
    text: wording.Wording | None = None
    version: int | None = None


def create(
    *, actor: Actor, now: datetime, name: str, text: wording.Wording, is_quick_answer: bool = False
) -> UUID:  # fmt: skip
    actor.require("template.manage")
    _check_name(name)
    wording.check(text, templates.known_fields())
    row = Template(id=ids.uuid7(), is_quick_answer=is_quick_answer, created_at=now, updated_at=now)
    row.sealed_name = keys.seal_field(templates.NAME, row.id, name.encode())
    with unit.work() as u:
        if Template.objects.count() >= MOST:
            raise Refusal("too_many_templates", "A business has at most 1,000 templates. Delete some.", Kind.CONFLICT)
        row.save(force_insert=True)
        _version(row, actor, now, text)
        u.entry(_draft("template.created", actor, row))
    return row.id


def change(*, actor: Actor, now: datetime, template_id: UUID, changes: Changes) -> int:
    """→ the number of its newest version, a new one if the text changed. Refuses `template_changed` where somebody else was
    faster."""
    actor.require("template.manage")
    if changes.name is not None:
        _check_name(changes.name)
    if changes.text is not None:
        wording.check(changes.text, templates.known_fields())
    with unit.work() as u:
        row = _locked(template_id)
        if changes.version is not None and changes.version != row.version:
            raise Refusal(
                "template_changed", "Somebody else changed this template meanwhile. Look at the new version first.",
                Kind.CONFLICT, version=row.version,
            )  # fmt: skip
        before = templates.open_all([row])[0]
        _apply(row, before, changes, actor, now)
        row.updated_at = now
        row.save()
        u.entry(_draft("template.changed", actor, row))
    return row.version


def delete(*, actor: Actor, now: datetime, template_id: UUID) -> None:
    """With all its versions. What was sent by it stays as it was sent."""
    actor.require("template.manage")
    with unit.work() as u:
        row = _locked(template_id)
        u.entry(_draft("template.deleted", actor, row))
        row.delete()


def _apply(row: Template, before: templates.Shown, changes: Changes, actor: Actor, now: datetime) -> None:
    if changes.name is not None:
        row.sealed_name = keys.seal_field(templates.NAME, row.id, changes.name.encode())
    if changes.is_quick_answer is not None:
        row.is_quick_answer = changes.is_quick_answer
    if changes.text is not None and changes.text != before.text:
        row.version += 1
        _version(row, actor, now, changes.text)
        row.versions.filter(number__lte=row.version - MOST_VERSIONS).delete()


def _version(row: Template, actor: Actor, now: datetime, text: wording.Wording) -> None:
    version_id = ids.uuid7()
    plain = json.dumps(wording.to_json(text), ensure_ascii=False).encode()
    TemplateVersion.objects.create(
        id=version_id, template=row, number=row.version, author=actor.label, at=now,
        sealed=keys.seal_field(templates.TEXT, version_id, plain),
    )  # fmt: skip


def _locked(template_id: UUID) -> Template:
    row = Template.objects.select_for_update().filter(id=template_id).first()
    if row is None:
        raise not_found("template")
    return row


def _check_name(name: str) -> None:
    compose.check_subject(name)
    if not 1 <= len(name.strip()) <= NAME_LIMIT:
        raise Refusal("bad_name", "A name has 1 to 100 characters.", field="name")


def _draft(kind: str, actor: Actor, row: Template) -> unit.Draft:
    return unit.Draft(kind, actor.label, codes={"template": str(row.id), "version": row.version})
