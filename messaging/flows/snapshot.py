"""The copy of a message that the archive keeps: its words, what they are, names and addresses of both sides as known now."""

from datetime import datetime
from uuid import UUID

from archive.flows import record
from archive.queries import rules
from messaging.flows import body
from messaging.queries import customers, policy
from portal.kernel import clock, tenancy
from portal.kernel.actors import Actor


def take(
    kind: str, actor: Actor, to: customers.Recipient, message_id: UUID, direction: str, category: str, form: str,
    now: datetime, gone_at: datetime | None, keep: rules.Retention, content: body.Content,
    run: UUID | None = None,
) -> record.Snapshot:  # fmt: skip
    """Self-contained: nothing of it is looked up again."""
    person = {"name": to.profile.name, "email": to.profile.email, "phone": to.profile.phone,
              "reference": to.profile.reference, "customer": str(to.id)}  # fmt: skip
    firm = {"name": tenancy.here().name, "by": actor.label}
    sides = {"from": firm, "to": person} if direction == "out" else {"from": person, "to": firm}
    return record.Snapshot(
        message_id=message_id, customer_id=to.id, subject_id=to.subject_id, kind=kind, actor=actor.label,
        direction=direction, category=category, sent_at=now, gone_at=gone_at, archived_until=keep.until, rule=keep.rule,
        purpose=policy.get_policy().purpose_of(category), run=run,
        content={
            **content, **sides, "sent_at": clock.text(now), "message": str(message_id), "category": category, "format": form,
        },
    )  # fmt: skip
