"""Jobs of messaging: ids in, state looked at again, one act. A job that runs twice sends at most one e-mail more; one
that is lost leaves a row that says so.

What a mail server says can name an address, and the queue keeps the text of failures: it is told by its type only.
"""

import time
from uuid import UUID

from messaging.flows import chunk, enrolment, importing, mailing, run
from messaging.models import Customer, DeviceCustomer, Enrolment, Message
from messaging.notices import mail
from messaging.queries import profiles
from portal.kernel import clock, jobs, keys

TURN = 20.0  # seconds a worker stays with one run


class MailTrouble(Exception):
    """The mail server did not take it. The queue tries again."""


def send_enrolment(enrolment_id: UUID) -> None:
    """The link of an enrolment that is still open; then its secret is emptied."""
    now = clock.now()
    row = Enrolment.objects.select_related("customer").filter(id=enrolment_id, sent_at__isnull=True).first()
    if row is None or row.sealed_secret is None or row.used_at or row.cancelled_at or row.expires_at <= now:
        return
    to = _email(row.customer)
    if not to:
        return
    token = keys.open_field(enrolment.SECRET, row.id, row.sealed_secret).decode()
    template, subject = (
        ("recover", "Let yourself in again") if row.is_recovery else ("enrolment", "{business} has a message")
    )
    _send(to, template, subject, url=enrolment.url_of(token), expires_at=row.expires_at)
    enrolment.mark_sent(now=clock.now(), enrolment_id=row.id)


def send_notice(message_id: UUID) -> None:
    """ "You have a message", to whoever has a device and did not get it there. Nothing of the message."""
    now = clock.now()
    row = Message.objects.undecided().live(now).filter(id=message_id).first()
    customer = Customer.objects.filter(id=row.customer_id, state=Customer.State.ACTIVE).first() if row else None
    if (
        customer is None
        or not DeviceCustomer.objects.filter(customer=customer).exclude(device__state="revoked").exists()
    ):
        return  # without a device the way in is the enrolment's own e-mail
    to = _email(customer)
    if not to:
        return
    try:
        _send(to, "notice", "{business} has a message")
    except MailTrouble:
        mailing.again_later(now=now, message_id=message_id)


def tell_of_device(device_id: UUID, customer_id: UUID) -> None:
    """A new device reads this customer's messages: said to the customer where others were there before."""
    others = DeviceCustomer.objects.filter(customer_id=customer_id).exclude(device_id=device_id)
    customer = Customer.objects.filter(id=customer_id, state=Customer.State.ACTIVE).first()
    to = _email(customer) if customer and others.exists() else ""
    if to:
        _send(to, "device", "A new device at {business}")


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


def _email(customer: Customer) -> str:
    return profiles.open_(customer.id, customer.sealed_profile).email


def _send(to: str, template: str, subject: str, **context: object) -> None:
    try:
        mail.send(to, template, subject, **context)
    except OSError as error:  # smtplib's exceptions are OSErrors too
        raise MailTrouble(type(error).__name__) from None
