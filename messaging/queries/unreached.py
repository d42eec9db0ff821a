"""Messages that did not reach their customer, why, and what was done about it. Never their words."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Case, CharField, Exists, OuterRef, Q, QuerySet, Value, When

from messaging.models import FollowUp, Message, Notice
from messaging.queries import outgoing
from messaging.rules import telling, unreached
from portal.kernel.actors import Actor
from portal.kernel.errors import Refusal

OUTCOMES = ("expired_unread", "failed", "suppressed")


@dataclass(frozen=True)
class Story:
    """What is known of one of them beside its row."""

    told: tuple[Notice, ...]
    followed_up: tuple[FollowUp, ...]


def get_unreached_for(
    actor: Actor, *, customer: UUID | None = None, why: str = "", followed: str = "", after: datetime | None = None,
    before: datetime | None = None,
) -> QuerySet[Message]:  # fmt: skip
    """`why` is a code of `rules.unreached`; `followed` is "yes", "no" or ""; the times bound the outcome. Rows carry `why`."""
    actor.require("message.view")
    if (why and why not in unreached.WORDS) or followed not in {"", "yes", "no"}:
        raise Refusal(
            "unknown_filter", "There is no such filter.", field="why" if why not in unreached.WORDS else "followed"
        )
    rows = Message.objects.filter(direction=Message.Direction.OUT, outcome__in=OUTCOMES).annotate(why=_why())
    rows = rows.filter(customer_id=customer) if customer else rows
    rows = rows.filter(outcome_at__gte=after) if after else rows
    rows = rows.filter(outcome_at__lt=before) if before else rows
    rows = rows.filter(why=why) if why else rows
    done = Exists(FollowUp.objects.filter(message_id=OuterRef("id")))
    return rows.filter(done if followed == "yes" else ~done) if followed else rows


def stories(message_ids: Sequence[UUID]) -> dict[UUID, Story]:
    told, done = defaultdict(list), defaultdict(list)
    for row in Notice.objects.filter(about_id__in=message_ids, purpose__in=telling.ABOUT_MESSAGES).order_by("id"):
        told[row.about_id].append(row)
    for up in FollowUp.objects.filter(message_id__in=message_ids).order_by("id"):
        done[up.message_id].append(up)
    return {pk: Story(tuple(told[pk]), tuple(done[pk])) for pk in message_ids}


def _why() -> Case:
    """The best that was achieved decides: who was told and did not come is no failure of the mail server."""
    about = Notice.objects.filter(about_id=OuterRef("id"), purpose__in=telling.ABOUT_MESSAGES)
    steps: list[tuple[Q | Exists, str]] = [
        (Q(outcome="suppressed"), unreached.UNWANTED),
        (Q(outcome="failed"), unreached.NOT_SENT),
        (Exists(about.filter(state__in=["sent", "delivered"])), unreached.TOLD),
        (Exists(about.filter(state__in=["ambiguous", "sending"])), unreached.UNSURE),
        (Exists(about.filter(reason=outgoing.QUIET_HOURS)), unreached.QUIET),
        (Exists(about.filter(reason=outgoing.LINK_WAITS)), unreached.LINK_UNUSED),
        (Exists(about.filter(reason=outgoing.NO_WAY)), unreached.NO_WAY),
        (Exists(about), unreached.NOT_TOLD),
    ]
    whens = [When(condition, then=Value(code)) for condition, code in steps]
    return Case(*whens, default=Value(unreached.TOO_SHORT), output_field=CharField())
