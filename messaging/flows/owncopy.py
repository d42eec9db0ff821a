"""A customer's copy of their own live messages: read here, put together in their browser, at rest nowhere on the server.

Never in it: what has ended (it is compared with the clock again after it was opened); what waits for a tap, which stays sealed
and is counted. The entry is committed before a word leaves.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from messaging.flows import attempt
from messaging.models import Customer
from messaging.queries import frames, inbox
from portal.kernel import unit
from portal.kernel.actors import Actor
from portal.kernel.errors import not_found

LIMIT, WINDOW = 200, timedelta(hours=1)  # pages of a hundred messages


@dataclass(frozen=True)
class Page:
    """`covered`: how many of them stay sealed. `more`: where the next page begins."""

    messages: list[frames.M]
    covered: int
    more: str | None


def take(*, actor: Actor, now: datetime, customer_id: UUID, cursor: str | None = None) -> Page:
    """A page of a hundred, newest first. An entry each."""
    subject = Customer.objects.filter(id=customer_id, state=Customer.State.ACTIVE).values_list("subject_id", flat=True)
    subject_id = subject.first() if customer_id in actor.customers else None
    if subject_id is None:
        raise not_found("customer")
    attempt.count(now=now, use="copy", source=actor.label, limit=LIMIT, window=WINDOW)
    messages, more = inbox.page_of(actor, customer_id, now, cursor)
    covered = sum(one["body"] is None for one in messages)
    with unit.work() as u:
        codes: dict[str, str | int | bool] = {"messages": len(messages), "covered": covered}
        u.entry(unit.Draft("customer.copied", actor.label, subject=subject_id, customer=customer_id, codes=codes))
    return Page(messages, covered, more)
