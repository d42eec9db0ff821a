"""Jobs of messaging: state looked at again, one act. Losing one delays: the clock puts it back.

What a provider says can name an address, and the queue keeps the text of failures: it is told by codes only.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from archive.queries import colleagues
from messaging.flows import chunk, closing, delivery, importing, inquiry, notice, run, starting, wipeall
from messaging.models import Webhook
from messaging.notices import Answer, Way, hook, is_trouble
from messaging.queries import channels
from messaging.rules import telling
from portal.kernel import clock, jobs, mail
from tenants.queries import closings

AT_ONCE = 50  # claimed together: with the slowest provider still far within a lease
EVENTS_AT_ONCE = 4  # at one webhook
TURN = 20.0  # seconds a worker stays with one run, or with one business's notices; then others have their turn


class MailTrouble(Exception):
    """The mail server did not take it. The queue tries again."""


def send_mails() -> None:
    _send_all(telling.EMAIL)


def send_start_link(signup_id: UUID) -> None:
    """To whoever wants to start a business; nothing once the link is over."""
    try:
        starting.send_link(signup_id=signup_id, now=clock.now())
    except OSError:
        raise MailTrouble("mail server") from None


def send_texts() -> None:
    _send_all(telling.SMS)


def send_pushes() -> None:
    _send_all(telling.PUSH)


def _send_all(channel: str) -> None:
    way, started = channels.open_(channel), time.monotonic()
    try:
        while time.monotonic() - started < TURN:
            claimed = notice.claim(now=clock.now(), channel=channel, limit=AT_ONCE, knows_repeats=way.knows_repeats)
            if not claimed or not _send(way, claimed):
                return
    finally:
        way.close()


def _send(way: Way, claimed: Sequence[notice.Claimed]) -> bool:
    """A few at a time; trouble of the provider ends the round for all that wait behind. → whether all were tried."""
    answers: list[tuple[notice.Claimed, Answer]] = []
    with ThreadPoolExecutor(way.at_once) as threads:
        for start in range(0, len(claimed), way.at_once):
            some = claimed[start : start + way.at_once]
            answers += zip(some, threads.map(lambda one: way.send(one.outgoing), some), strict=True)
            if way.is_one_provider and is_trouble([answer for _, answer in answers[-len(some) :]]):
                break
    notice.settle(now=clock.now(), answers=answers, knows_repeats=way.knows_repeats)
    notice.give_back(now=clock.now(), claimed=claimed[len(answers) :])
    return len(answers) == len(claimed)


def send_events(webhook_id: UUID) -> None:
    """What is due at one webhook, a few at a time; after a while others have their turn, and the clock asks again."""
    until = time.monotonic() + TURN
    with ThreadPoolExecutor(EVENTS_AT_ONCE) as threads:
        while time.monotonic() < until:
            parcels = delivery.claim(now=clock.now(), webhook_id=webhook_id, limit=EVENTS_AT_ONCE)
            if not parcels:
                return
            answers = list(zip(parcels, threads.map(hook.send, parcels), strict=True))
            delivery.settle(now=clock.now(), webhook_id=webhook_id, answers=answers)


def tell_of_webhook(webhook_id: UUID) -> None:
    """The owners: one of their programs is told nothing any more."""
    if Webhook.objects.filter(id=webhook_id).exclude(off="").exists():
        try:
            mail.send(
                colleagues.people.owner_addresses(), "console/mail/webhook", "A webhook of {business} was switched off",
                webhook=webhook_id,
            )  # fmt: skip
        except OSError as error:
            raise MailTrouble(type(error).__name__) from None


def wipe_all(business_id: UUID) -> None:
    """Each device of the business. Done again it finds those that were enrolled meanwhile, and no other."""
    wipeall.work(now=clock.now())


def tell_of_closing(business_id: UUID) -> None:
    """The owners: it closes on a day, how to call it off, and where the certificate will be."""
    standing = closings.standing_of(business_id)
    if standing is None or standing.state != "waiting":
        return
    try:
        mail.send(
            colleagues.people.owner_addresses(), "console/mail/closing", "{business} is being closed",
            closes_at=standing.closes_at, link=f"{mail.base_url()}/closed/{closing.token()}",
        )  # fmt: skip
    except OSError as error:
        raise MailTrouble(type(error).__name__) from None


def work_run(run_id: UUID) -> None:
    """Begin a run that is due, send its chunks one after the other, finish it. After a while others have their turn."""
    run.begin(now=clock.now(), run_id=run_id)
    until = time.monotonic() + TURN
    run.open_due(now=clock.now(), run_id=run_id)
    while chunk.send_next(now=clock.now(), run_id=run_id):
        if time.monotonic() > until:
            run.ask_again(now=clock.now(), run_id=run_id)
            return
    run.finish(now=clock.now(), run_id=run_id)


def work_on_import(import_id: UUID) -> None:
    """An import's slices, for some minutes; then the rest as a new job, so that other work of the queue has its turn."""
    if importing.work(import_id=import_id, until=clock.now() + importing.WORK_FOR):
        jobs.enqueue(importing.JOB, import_id, queue="bulk")


def send_back(key: UUID) -> None:
    """Links for those who let themselves in again, if anybody is behind that address."""
    inquiry.answer(now=clock.now(), kind=inquiry.RECOVER, key=key)


def send_lost(key: UUID) -> None:
    """A link that ends lost devices, if anybody is behind that address."""
    inquiry.answer(now=clock.now(), kind=inquiry.LOST, key=key)
