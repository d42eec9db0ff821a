"""What a business is known by at its provider, and what follows when the provider does not answer well."""

from django.db import connection

from messaging.models import Channel
from portal.kernel import clock


def test_what_a_provider_knows_us_by_is_never_plain(it):
    it.text_from()
    with it.cast.inside():
        Channel.objects.filter(kind="sms").update(hook_secret="hook-canary")
        with connection.cursor() as cursor:
            cursor.execute("SELECT secret, hook_secret FROM messaging_channel WHERE kind = 'sms'")
            stored = b"".join(bytes(one) for one in cursor.fetchone())
        row = Channel.objects.get(kind="sms")
    assert (row.secret, row.hook_secret) == ("provider-secret", "hook-canary")
    assert b"provider-secret" not in stored
    assert b"hook-canary" not in stored


def test_a_hanging_provider_delays_and_loses_nothing(it, provider, settings):
    settings.EBB_SMS_SECONDS = 0.3
    it.text_from()
    provider.be("sleeps")
    sent = it.cast.send(it.cast.customer(phone="+4915112345678"))
    it.work()
    assert it.ways(sent.id) == [("arrived", "sms", "ambiguous", "no_answer")]
    with it.cast.inside():
        assert Channel.objects.get(kind="sms").failing_since == clock.now()
    provider.be("takes")
    it.wait(minutes=1)
    assert it.ways(sent.id) == [("arrived", "sms", "sent", "")]
    assert len({got.headers["idempotency-key"] for got in provider.got}) == 1
    with it.cast.inside():
        assert Channel.objects.get(kind="sms").failing_since is None


def test_twilio_is_not_asked_again_for_what_it_may_have_sent(it, provider, settings):
    settings.EBB_SMS_SECONDS, settings.EBB_SMS_PROVIDER = 0.3, "twilio"
    it.text_from()
    provider.be("hangs_up")
    sent = it.cast.send(it.cast.customer(phone="+4915112345678"))
    it.work()
    provider.be("takes")
    it.wait(hours=3)
    assert it.ways(sent.id) == [("arrived", "sms", "ambiguous", "no_answer")]
    assert len(provider.got) == 1


def test_a_wrong_password_says_so_and_waits(it, provider):
    it.text_from()
    provider.be("refuses", 401)
    sent = it.cast.send(it.cast.customer(phone="+4915112345678"))
    it.work()
    assert it.ways(sent.id) == [("arrived", "sms", "waiting", "credentials")]
    with it.cast.inside():
        assert Channel.objects.get(kind="sms").failing_why == "credentials"


def test_a_channel_that_is_switched_off_is_no_way(it, provider, mailoutbox):
    it.text_from()
    with it.cast.inside():
        Channel.objects.update(is_on=False)
    sent = it.cast.send(it.cast.customer(phone="+4915112345678"))
    it.work()
    assert it.ways(sent.id) == [("arrived", "none", "failed", "no_way")]
