"""Webhooks: made, changed, switched off, their secrets rotated. A secret is shown once, by the answer that made it."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.conf import settings

from messaging.models import Delivery, Webhook
from messaging.rules import webhook as rules
from portal.kernel import unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal, not_found

MOST = 20
MANAGE = "webhook.manage"


@dataclass(frozen=True)
class Made:
    """`secret` exists here, in the caller's hands and in an encrypted field."""

    id: UUID
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Changes:
    """None: as before."""

    url: str | None = None
    events: list[str] | None = None
    is_on: bool | None = None


def create(*, actor: Actor, now: datetime, url: str, events: list[str]) -> Made:
    actor.require(MANAGE)
    row = Webhook(
        url=rules.check_url(url, settings.EBB_CALL_INSIDE), events=rules.check_events(events), secret=_secret(),
        created_at=now, created_by=actor.label,
    )  # fmt: skip
    with unit.work() as u:
        if Webhook.objects.count() >= MOST:
            raise Refusal("too_many_webhooks", f"A business can have {MOST} webhooks.", Kind.CONFLICT)
        row.save(force_insert=True)
        _note(u, "webhook.created", actor, row, events=len(row.events))
    return Made(row.id, row.secret)


def change(*, actor: Actor, now: datetime, webhook_id: UUID, changes: Changes) -> None:
    """Switching it on forgets that it failed. What waited when it was switched off is withdrawn, and can be replayed."""
    actor.require(MANAGE)
    with unit.work() as u:
        row = _locked(webhook_id)
        if changes.url is not None:
            row.url = rules.check_url(changes.url, settings.EBB_CALL_INSIDE)
        if changes.events is not None:
            row.events = rules.check_events(changes.events)
        if changes.is_on:
            row.off, row.failing_since = "", None
        elif changes.is_on is False and not row.off:
            switch_off(row, Webhook.Off.STAFF, now)
        row.save()
        _note(u, "webhook.changed", actor, row, events=len(row.events), is_on=not row.off)


def rotate(*, actor: Actor, now: datetime, webhook_id: UUID) -> Made:
    """A new secret. The old one signs, too, for a day, so that the receiver never refuses what is really ours."""
    actor.require(MANAGE)
    with unit.work() as u:
        row = _locked(webhook_id)
        row.old_secret, row.old_until, row.secret = row.secret, now + rules.BOTH_SIGN_FOR, _secret()
        row.save(update_fields=["secret", "old_secret", "old_until"])
        _note(u, "webhook.rotated", actor, row)
    return Made(row.id, row.secret)


def delete(*, actor: Actor, now: datetime, webhook_id: UUID) -> None:
    actor.require(MANAGE)
    with unit.work() as u:
        row = _locked(webhook_id)
        Delivery.objects.filter(webhook_id=row.id).delete()
        row.delete()
        u.entry(unit.Draft("webhook.deleted", actor.label, codes={"webhook": str(webhook_id)}))


def switch_off(row: Webhook, why: Webhook.Off, now: datetime) -> None:
    """In the caller's unit, which saves the row."""
    row.off = why
    waiting = Delivery.objects.filter(webhook_id=row.id, due_at__isnull=False)
    waiting.update(state=Delivery.State.WITHDRAWN, why="switched_off", due_at=None, settled_at=now)


def _locked(webhook_id: UUID) -> Webhook:
    row = Webhook.objects.select_for_update(no_key=True).filter(id=webhook_id).first()
    if row is None:
        raise not_found("webhook")
    return row


def _secret() -> str:
    return rules.secret_of(secrets.token_bytes(32))


def _note(u: unit.Unit, kind: str, actor: Actor, row: Webhook, **codes: str | int | bool) -> None:
    u.entry(unit.Draft(kind, actor.label, codes={"webhook": str(row.id), **codes}))
