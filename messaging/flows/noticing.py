"""How a business tells its customers that there is a message: its policy, and what its provider of text messages knows it by.

Where a provider is reached stands in the installation's settings and nowhere else: nobody of a business can make this house ask an
address of theirs. Secrets are encrypted fields; they are taken and never shown again.
"""

from dataclasses import dataclass
from datetime import datetime

from messaging.models import Channel, Policy
from messaging.queries import policy
from messaging.rules import compose, quiet, telling
from portal.kernel import ids, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Refusal

LONGEST = {"account": 120, "sender": 40, "secret": 200}
HOOKS = (telling.EMAIL, telling.SMS)


@dataclass(frozen=True)
class Wanted:
    """Times in minutes after midnight, spans in seconds; None: none."""

    quiet: quiet.Quiet
    ways: tuple[str, ...]
    sender: str
    fall_back_after: int | None
    remind_before: int | None


def change(*, actor: Actor, now: datetime, wanted: Wanted) -> None:
    actor.require("settings.manage")
    quiet.check(wanted.quiet)
    _check_line("sender_name", wanted.sender, 40)
    for name, span in (("fall_back_after", wanted.fall_back_after), ("remind_before", wanted.remind_before)):
        if span is not None and not 60 <= span <= 30 * 86400:
            raise Refusal("bad_span", "That is between a minute and 30 days.", field=name)
    ways = telling.check_ways(wanted.ways)
    if not ways:
        raise Refusal("bad_ways", "Choose at least one way.", field="ways")
    with unit.work() as u:
        Policy.objects.filter(id=1).update(
            quiet_from=wanted.quiet.since, quiet_until=wanted.quiet.until, ways=ways, sender_name=wanted.sender,
            fall_back_after=wanted.fall_back_after, remind_before=wanted.remind_before,
        )  # fmt: skip
        u.entry(unit.Draft("notices.changed", actor.label, codes={"what": "policy", "ways": ways}))
        u.after_commit(policy.forget)


def set_up_texts(*, actor: Actor, now: datetime, account: str, sender: str, secret: str, is_on: bool) -> None:
    """An empty secret keeps the one that is known."""
    actor.require("settings.manage")
    for name, value in (("account", account), ("sender", sender), ("secret", secret)):
        _check_line(name, value, LONGEST[name])
    with unit.work() as u:
        row, _ = Channel.objects.select_for_update().get_or_create(kind=telling.SMS, defaults={"changed_at": now})
        row.account, row.sender, row.is_on, row.changed_at = account, sender, is_on, now
        row.secret = secret or row.secret
        if is_on and not (row.sender and row.secret):
            raise Refusal(
                "channel_incomplete", "Text messages need a number to come from and a secret.", field="sender"
            )
        row.failing_since, row.failing_why = None, ""
        row.save()
        u.entry(unit.Draft("notices.changed", actor.label, codes={"what": telling.SMS, "is_on": is_on}))


def new_hook(*, actor: Actor, now: datetime, kind: str) -> str:
    """The secret by which a provider signs what it tells us, shown this once; one before it is worth nothing any more."""
    actor.require("settings.manage")
    if kind not in HOOKS:
        raise Refusal("unknown_channel", "Providers report on e-mails and text messages.", field="kind")
    secret = ids.token()
    with unit.work() as u:
        Channel.objects.get_or_create(kind=kind, defaults={"changed_at": now})
        row = Channel.objects.select_for_update().get(kind=kind)
        row.hook_secret, row.changed_at = secret, now
        row.save(update_fields=["hook_secret", "changed_at"])
        u.entry(unit.Draft("notices.changed", actor.label, codes={"what": f"{kind}_hook"}))
    return secret


def _check_line(name: str, value: str, longest: int) -> None:
    if len(value) > longest or compose.FORBIDDEN.search(value) or "\n" in value:
        raise Refusal("bad_text", "That text is too long or has characters that cannot be shown.", field=name)
