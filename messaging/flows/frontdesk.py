"""The front desk: how customers find the business at the other end of their inbox, and the answer that a closed door gives."""

from dataclasses import asdict
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import Q

from messaging.models import Conversation, Policy
from messaging.queries import frontdesk as queries
from messaging.queries import policy
from messaging.rules import closedwords, compose, frontdesk
from portal.kernel import unit
from portal.kernel.actors import Actor


def change(*, actor: Actor, now: datetime, desk: frontdesk.FrontDesk, answer: str) -> None:
    """`answer` is the business's own text for whoever writes while it is closed; empty: the one in the customer's language."""
    actor.require("settings.manage")
    frontdesk.check(desk)
    frontdesk.check_answer(answer)
    if answer:
        compose.check_text(answer, "answer")
    with unit.work() as u:
        row = Policy.objects.select_for_update().get(id=1)
        changed = {name: value for name, value in asdict(desk).items() if getattr(row, name) != value}
        codes: dict[str, str | int | bool] = {name: _code(name, value) for name, value in changed.items()}
        if queries.own_answer() != answer:
            changed["sealed_answer"] = queries.seal_answer(answer)
            codes["answer"] = "own" if answer else "usual"
        if not changed:
            return
        for name, value in changed.items():
            setattr(row, name, value)
        row.save(update_fields=list(changed))
        u.entry(unit.Draft("frontdesk.changed", actor.label, codes=codes))
        u.after_commit(policy.forget)


def _code(name: str, value: str | bool) -> str | bool:
    """Of a number to call only that there is one: entries hold codes."""
    if name == "emergency_number":
        return bool(value)
    return value if value != "" else "none"


def answer_for(*, now: datetime, talk: Conversation, language: str) -> compose.Compose | None:
    """The answer that a closed door gives, once in a while; None: somebody reads, or it was given lately. In the caller's unit,
    which sends it. Of two that come to the door at once one is answered: the row says who."""
    current = policy.get_policy()
    desk = current.desk
    if not desk.answers or frontdesk.is_open(desk.opening, now, ZoneInfo(current.time_zone)):
        return None
    long_ago = Q(door_answered_at__isnull=True) | Q(door_answered_at__lte=now - frontdesk.ANSWER_AGAIN_AFTER)
    if not Conversation.objects.filter(long_ago, id=talk.id).update(door_answered_at=now):
        return None
    text = closedwords.answer(queries.own_answer(), language, desk.emergency_number)
    return compose.Compose(body=text, customer=talk.customer_id)
