"""One reminder before an unread message ends: to whom nobody reached, and to whose device has it and who never opened it."""

from uuid import UUID

from archive.models import Entry
from messaging.flows import message, receipt
from portal.kernel import clock

HOUR, DAY = 3600, 86400


def delivered(it, phone, sent):
    with it.cast.inside():
        ack = receipt.Ack(sent.id, UUID(phone.device), clock.now())
        assert receipt.delivered(acks=[ack]) == 1


def test_who_did_not_come_is_reminded_once_with_a_fresh_link(it, mailoutbox):
    it.policy(remind_before=6 * HOUR)
    sent = it.cast.send(it.cast.customer(email="late@example.org"), gone_after=2 * DAY)
    it.work()
    it.wait(hours=41)
    assert len(mailoutbox) == 1
    it.wait(hours=1, seconds=1)
    assert it.ways(sent.id) == [("arrived", "email", "sent", ""), ("reminder", "email", "sent", "")]
    first, second = (letter.body.split("/inbox/enrol/")[1].split()[0] for letter in mailoutbox)
    assert first != second
    it.wait(hours=5)
    assert len(mailoutbox) == 2
    with it.cast.inside():
        leaf = bytes(Entry.objects.filter(kind="notices").order_by("-index").first().leaf)
    assert b'"purpose":"reminder"' in leaf


def test_who_has_it_and_did_not_open_it_is_reminded(it, mailoutbox):
    it.policy(remind_before=6 * HOUR)
    pk = it.cast.customer(email="unread@example.org")
    phone = it.cast.handset(pk)
    unread, read = it.cast.send(pk, gone_after=2 * DAY), it.cast.send(pk, gone_after=2 * DAY)
    for sent in (unread, read):
        delivered(it, phone, sent)
    with it.cast.inside():
        receipt.read(actor=it.cast.actor_of(phone, pk), now=clock.now(), message_id=read.id)
    assert it.look_at(read.id) is None
    it.wait(hours=42, seconds=1)
    assert it.ways(unread.id) == [("reminder", "email", "sent", "")]
    assert it.ways(read.id) == []


def test_a_short_life_and_a_policy_without_one_remind_nobody(it, mailoutbox):
    pk = it.cast.customer(email="none@example.org")
    phone = it.cast.handset(pk)
    it.policy(remind_before=6 * HOUR)
    short = it.cast.send(pk, gone_after=11 * HOUR)
    delivered(it, phone, short)
    it.policy(remind_before=None)
    long = it.cast.send(pk, gone_after=2 * DAY)
    delivered(it, phone, long)
    assert (it.look_at(short.id), it.look_at(long.id)) == (None, None)


def test_a_reminder_that_would_fall_into_the_night_comes_before_it(it, mailoutbox):
    it.at.at = it.at.at.replace(hour=12, minute=0, second=0, microsecond=0)
    it.at.advance(days=1)
    it.policy(remind_before=6 * HOUR, quiet_from=20 * 60, quiet_until=8 * 60)
    sent = it.cast.send(it.cast.customer(email="night@example.org"), gone_after=19 * HOUR)  # ends at seven
    it.work()
    assert it.look_at(sent.id).astimezone().hour == 19
    it.wait(hours=8)
    assert [one[0] for one in it.ways(sent.id)] == ["arrived", "reminder"]


def test_a_longer_life_is_reminded_of_later(it, mailoutbox):
    it.policy(remind_before=6 * HOUR)
    pk = it.cast.customer(email="more@example.org")
    it.cast.handset(pk)
    sent = it.cast.send(pk, gone_after=2 * DAY)
    it.wait(seconds=31)
    with it.cast.inside():
        message.extend(actor=it.cast.author, now=clock.now(), message_id=sent.id, seconds=4 * DAY)
    it.wait(hours=43)
    assert len(it.ways(sent.id)) == 1
    it.wait(hours=48)
    assert [one[0] for one in it.ways(sent.id)] == ["arrived", "reminder"]
