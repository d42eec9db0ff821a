"""Who has to be told that there is a message: the clock looks at messages whose time for it has come, slice by slice.

Apart from sending: a send only writes down when to look (`notify_at`), so a campaign waits for nobody's mail server. A look plans
at most one notice a message and says when to look again: to fall back to another way, or to remind once before the end.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from messaging.flows import link, notice
from messaging.models import Customer, Message, Notice
from messaging.queries import outgoing, policy, reach
from messaging.rules import quiet, telling
from portal.kernel import planned, unit
from portal.kernel.actors import SYSTEM

SLICE = 500
ROUNDS = 10  # slices of one business before the next one's turn
NOTICE_DELAY = timedelta(seconds=30)  # a device that is online takes the push; a notice goes to those that are not
_LOOKED_AT = ("customer_id", "category", "outcome", "read_at", "revealed_at", "sent_at", "gone_at")
_LOOK_AGAIN = """
    UPDATE messaging_message AS m SET notify_at = n.look_at
      FROM unnest(%s::uuid[], %s::timestamptz[]) AS n (id, look_at) WHERE m.id = n.id
"""
ONE_LINK_IN = timedelta(days=1)  # who has an unused link that is younger gets no second one for another message


@dataclass(frozen=True)
class _Look:
    """One message at one look, and what was decided."""

    row: Message
    person: reach.Reach
    step: telling.Step


def first_look(now: datetime, *, has_device: bool) -> datetime:
    """When to look for the first time at a message that is sent now: at once for those whom no device can reach."""
    return now + NOTICE_DELAY if has_device else now


def look(*, now: datetime, slice_rows: int = SLICE) -> int:
    """Plan the notices of one slice; call again until it answers zero. Several clocks at once plan nothing twice."""
    due = Message.objects.live(now).filter(notify_at__lte=now, direction=Message.Direction.OUT)
    named = list(due.order_by("notify_at").values_list("id", "customer_id")[:slice_rows])
    if not named:
        return 0
    with unit.work() as u:
        people = _lock_customers({customer_id for _, customer_id in named})
        rows = list(
            due.filter(id__in=[pk for pk, _ in named], customer_id__in=people)
            .select_for_update(skip_locked=True)
            .only(*_LOOKED_AT)
        )
        reached = reach.of(people)
        looks = _decide(rows, reached, now)
        notice.queue(u, now=now, new=_plan(u, looks, now))
        again = {one.row.id: one.step.look_at for one in looks}  # who cannot be written to is not looked at again
        planned.run(_LOOK_AGAIN, [[row.id for row in rows], [again.get(row.id) for row in rows]])
    return len(rows)


def _lock_customers(customer_ids: set[UUID]) -> set[UUID]:
    """Before their messages, as everyone locks; who is being changed right now is looked at in the next round."""
    locked = (
        Customer.objects.select_for_update(skip_locked=True, no_key=True).filter(id__in=customer_ids).order_by("id")
    )
    return set(locked.values_list("id", flat=True))


def _decide(rows: Sequence[Message], people: dict[UUID, reach.Reach], now: datetime) -> list[_Look]:
    current, offered = policy.get_policy().notices, reach.offered()
    told = defaultdict(list)
    for about, purpose, channel in Notice.objects.filter(about_id__in=[row.id for row in rows]).values_list(
        "about_id", "purpose", "channel"
    ):
        told[about].append(telling.Told(purpose, channel))
    found = []
    for row in rows:
        if person := people.get(row.customer_id):
            case = telling.Case(
                now, row.outcome == "", row.read_at is None and row.revealed_at is None,
                person.ways(offered, policy.get_policy().purpose_of(row.category)), told[row.id],
                _remind_at(row, person, current), current.fall_back_after,
            )  # fmt: skip
            found.append(_Look(row, person, telling.step(case)))
    return found


def _remind_at(row: Message, person: reach.Reach, current: policy.Notices) -> datetime | None:
    """Rather a little early than after quiet hours: by then it would have ended, or be about to."""
    if row.sent_at is None or row.gone_at is None:
        return None
    at = telling.remind_at(row.sent_at, row.gone_at, current.remind_before)
    return quiet.last_before(at, current.quiet, person.zone) if at else None


def _plan(u: unit.Unit, looks: Sequence[_Look], now: datetime) -> list[notice.New]:
    current = policy.get_policy().notices
    telling_now = [(one, one.step.tell) for one in looks if one.step.tell is not None]
    newcomers = {one.person.id for one, _ in telling_now if not one.person.has_device}
    waits = link.open_for(newcomers, now, younger_than=ONE_LINK_IN)
    links = _links(u, telling_now, waits, now)
    new = []
    for one, tell in telling_now:
        assert one.row.gone_at is not None
        state, reason = Notice.State.WAITING, ""
        if tell.channel == telling.NONE:
            state, reason = Notice.State.FAILED, outgoing.NO_WAY
        elif tell.purpose == telling.ARRIVED and one.person.id in waits:
            state, reason = Notice.State.WITHDRAWN, outgoing.LINK_WAITS
        elif one.person.id in links:
            waits.add(one.person.id)
        due_at = quiet.opens_at(now, current.quiet, one.person.zone)
        if state == Notice.State.WAITING and due_at > now:
            reason = outgoing.QUIET_HOURS
        new.append(notice.New(
            one.person.id, one.row.id, tell.purpose, tell.channel, due_at, one.row.gone_at, links.get(one.person.id), state,
            reason,
        ))  # fmt: skip
    return new


def _links(
    u: unit.Unit, looks: Sequence[tuple[_Look, telling.Told]], waits: set[UUID], now: datetime
) -> dict[UUID, UUID]:  # fmt: skip
    """One new link for each newcomer who is told of something now; of several messages at once the link is the same."""
    wanted = {
        one.person.id: (one.person.id, one.person.subject_id, tell.channel)
        for one, tell in looks
        if not one.person.has_device
        and tell.channel != telling.NONE
        and (tell.purpose == telling.REMINDER or one.person.id not in waits)
    }
    return link.make(u, actor=SYSTEM, now=now, to=list(wanted.values()))
