"""What staff did about a message that did not reach its customer: told by phone, by letter. A new message is a new message."""

from datetime import datetime
from uuid import UUID

from messaging.flows import message
from messaging.models import FollowUp, Message
from messaging.queries import unreached
from messaging.rules import compose
from portal.kernel import ids, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal, not_found

LONGEST = 1000


def not_unreached() -> Refusal:
    return Refusal("not_unreached", "This message reached its customer, or has not ended yet.", Kind.CONFLICT)


def note(*, actor: Actor, now: datetime, message_id: UUID, by: str, words: str = "") -> UUID:
    """`words` are sealed with the entry and nowhere else."""
    actor.require("message.send")
    if by not in FollowUp.By.values:
        raise Refusal("unknown_followup", "A customer is told by phone, by letter or in person.", field="by")
    if len(words) > LONGEST or compose.FORBIDDEN.search(words):
        raise Refusal("bad_text", "That text is too long or has characters that cannot be shown.", field="note")
    with unit.work() as u:
        row = Message.objects.filter(id=message_id, direction=Message.Direction.OUT).first()
        if row is None:
            raise not_found("message")
        if row.outcome not in unreached.OUTCOMES:
            raise not_unreached()
        done = FollowUp.objects.create(id=ids.uuid7(), message_id=row.id, by=by, author=actor.label, at=now)
        draft = message.draft_of("message.followed_up", actor, row)
        draft.codes, draft.detail = {"by": by}, {"note": words.strip()} if words.strip() else None
        u.entry(draft)
    return done.id
