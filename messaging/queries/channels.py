"""The ways out, opened with what a business is known by at its provider."""

from messaging.models import Channel
from messaging.notices import Account, Way, mail, push, sms
from messaging.queries import subscriptions
from messaging.rules import telling
from portal.kernel import mail as house


def open_(kind: str) -> Way:
    if kind == telling.PUSH:
        return push.Push(subscriptions.sender())
    return mail.Mail() if kind == telling.EMAIL else sms.open_(_account(kind))


def _account(kind: str) -> Account:
    row = Channel.objects.filter(kind=kind, is_on=True).first()
    if row is None:
        return Account()
    return Account(row.account, row.secret, row.sender, f"{house.base_url()}/hooks/{kind}")
