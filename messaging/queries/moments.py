"""When what a retention rule counts from happened: what the archive asks of messages, by their ids.

`conversation.closed`   A customer's words belong to their conversation. What the business wrote belongs to the conversations
                        that were open while it lived: the last of them must be closed. If there was none, its exchange was
                        over when it ended: nobody can answer what is gone.
`customer.closed`       When the customer was closed or erased.
`field:<name>`          A date field of the customer's profile ("2031-05-31"). That day is over once it is over everywhere on
                        earth, so no zone and no change of clocks makes it earlier.

Whatever is missing, malformed or still open is unknown (None), and an unknown end keeps.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from archive.rules.events import Instants
from messaging.models import Conversation, Customer, Message
from messaging.queries import profiles

Row = tuple[UUID, UUID, UUID | None, datetime | None, datetime | None, datetime | None]
OVER_EVERYWHERE = timedelta(days=1, hours=12)  # after that midnight of UTC
COLUMNS = ("id", "customer_id", "conversation_id", "sent_at", "gone_at", "ended_at")


def conversation_closed(message_ids: Sequence[UUID], now: datetime) -> Instants:
    rows: list[Row] = list(Message.objects.filter(id__in=message_ids).values_list(*COLUMNS))
    talks = _talks_of({row[1] for row in rows})
    return {row[0]: _closed(row, talks[row[1]], now) for row in rows}


def customer_closed(message_ids: Sequence[UUID], now: datetime) -> Instants:
    owners = _owners(message_ids)
    closed = dict(Customer.objects.filter(id__in=set(owners.values())).values_list("id", "closed_at"))
    return {message_id: closed.get(customer_id) for message_id, customer_id in owners.items()}


def field(name: str, message_ids: Sequence[UUID], now: datetime) -> Instants:
    owners = _owners(message_ids)
    rows = Customer.objects.filter(id__in=set(owners.values())).values_list("id", "sealed_profile")
    dates = {pk: _over(profiles.open_(pk, sealed).fields.get(name)) for pk, sealed in rows.iterator()}
    return {message_id: dates.get(customer_id) for message_id, customer_id in owners.items()}


def _owners(message_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    return dict(Message.objects.filter(id__in=message_ids).values_list("id", "customer_id"))


def _talks_of(customer_ids: Iterable[UUID]) -> dict[UUID, list[Conversation]]:
    found: dict[UUID, list[Conversation]] = defaultdict(list)
    for talk in Conversation.objects.filter(customer_id__in=customer_ids):
        found[talk.customer_id].append(talk)
    return found


def _closed(row: Row, talks: list[Conversation], now: datetime) -> datetime | None:
    _, _, conversation_id, sent_at, gone_at, ended_at = row
    if conversation_id is not None:
        return next((talk.closed_at for talk in talks if talk.id == conversation_id), None)
    over = min((at for at in (gone_at, ended_at) if at is not None), default=None)
    if sent_at is None or over is None or over > now:
        return None
    closes = [talk.closed_at for talk in talks if _met(talk, sent_at, over)]
    known = [at for at in closes if at is not None]
    return max([over, *known]) if len(known) == len(closes) else None


def _met(talk: Conversation, sent_at: datetime, over: datetime) -> bool:
    """Whether the conversation was open at some moment of the message's life."""
    return talk.opened_at <= over and (talk.closed_at is None or talk.closed_at >= sent_at)


def _over(value: object) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(str(value)[:10]), time(), UTC) + OVER_EVERYWHERE
    except (ValueError, OverflowError):
        return None
