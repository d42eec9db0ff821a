"""What leaves the house says nothing."""

import pytest

from messaging import jobs
from messaging.flows import enrolment
from messaging.models import Enrolment
from portal.kernel import actors, clock


def test_a_link_is_sent_once_and_then_forgotten(cast, inside, mailoutbox) -> None:
    customer = cast.customer(email="ada@example.org", name="Ada Lovelace")
    issued = inside(enrolment.issue, actor=actors.SYSTEM, now=clock.now(), customer_id=customer, send_by="email")
    assert issued.url is None
    assert issued.code is None
    inside(jobs.send_enrolment, issued.id)
    inside(jobs.send_enrolment, issued.id)
    [mail] = mailoutbox
    assert mail.to == ["ada@example.org"]
    assert "/inbox/enrol/" in mail.body
    assert "Ada" not in mail.body
    row = inside(Enrolment.objects.get, id=issued.id)
    assert row.sealed_secret is None
    assert row.sent_at is not None


def test_a_notice_names_nothing_of_the_message(cast, inside, mailoutbox) -> None:
    customer = cast.customer(email="bob@example.org")
    cast.phone(customer)
    sent = cast.send(customer, "CANARY body", subject="CANARY subject")
    mailoutbox.clear()
    inside(jobs.send_notice, sent)
    [mail] = mailoutbox
    assert "CANARY" not in mail.subject + mail.body
    assert str(sent) not in mail.body
    assert "Acme Clinic" in mail.subject


def test_mail_trouble_is_told_by_its_type_only_and_tried_again(cast, inside, monkeypatch) -> None:
    import smtplib

    from messaging.models import Message
    from messaging.notices import mail

    customer = cast.customer(email="eve@example.org")
    cast.phone(customer)
    sent = cast.send(customer)
    inside(Message.objects.filter(id=sent).update, notify_at=None)

    def fail(*args, **kwargs):
        raise smtplib.SMTPRecipientsRefused({"eve@example.org": (550, b"no")})

    monkeypatch.setattr(mail, "send", fail)
    inside(jobs.send_notice, sent)
    assert inside(Message.objects.get, id=sent).notify_at is not None
    issued = inside(enrolment.issue, actor=actors.SYSTEM, now=clock.now(), customer_id=customer, send_by="email")
    with pytest.raises(jobs.MailTrouble) as trouble:
        inside(jobs.send_enrolment, issued.id)
    assert "eve" not in str(trouble.value)
    assert trouble.value.__suppress_context__
    assert inside(Enrolment.objects.get, id=issued.id).sealed_secret is not None
