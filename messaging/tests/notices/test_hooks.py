"""Bounces, deliveries and STOP come back: only signed by who has the secret, once, and never from another business."""

import hmac
import json
from base64 import b64encode

import pytest
from django.test import Client

from messaging.flows import noticing
from messaging.models import Channel, Customer
from messaging.rules import hooks
from portal.kernel import clock, mail
from portal.testing import browser

NUMBER = "+4915112340000"


@pytest.fixture
def secret(it):
    def make(kind="email"):
        with it.cast.inside():
            return noticing.new_hook(actor=it.cast.owner, now=clock.now(), kind=kind)

    return make


def say(it, secret, kind="email", cast=None, at=None, **told):
    body, sent_at = json.dumps(told).encode(), str(int((at or clock.now()).timestamp()))
    signed = hooks.sign(key=secret.encode(), message_id="m1", sent_at=sent_at, body=body)
    return browser.visitor(cast or it.cast).post(
        f"/hooks/{kind}", body, content_type="application/json",
        headers={"webhook-id": "m1", "webhook-timestamp": sent_at, "webhook-signature": f"v1,xx {signed}"},
    )  # fmt: skip


def test_the_signature_is_that_of_the_standard():
    """Made here by its text alone."""
    raw = b"m1.1700000000.{}"
    wanted = b64encode(hmac.new(b"key", raw, "sha256").digest()).decode()
    assert hooks.sign(key=b"key", message_id="m1", sent_at="1700000000", body=b"{}") == f"v1,{wanted}"


def test_a_bounce_gives_another_way_its_turn_with_a_new_link(it, provider, mailoutbox, secret):
    it.text_from()
    key = secret()
    pk = it.cast.customer(email="bounce@example.org", phone=NUMBER)
    sent = it.cast.send(pk)
    it.work()
    [notice] = it.told(sent.id)
    for _ in range(2):  # told twice
        answer = say(it, key, type="notice.failed", notice=str(notice.id), reason="bounced")
        assert answer.status_code == 200, answer.content
    it.send()
    assert it.ways(sent.id) == [("arrived", "email", "failed", "bounced"), ("arrived", "sms", "sent", "")]
    assert len(provider.got) == 1
    first, second = (
        text.split("/inbox/enrol/")[1].split()[0] for text in (mailoutbox[0].body, provider.got[0].json["text"])
    )
    assert first != second


def test_a_delivery_is_known_by_the_providers_reference(it, mailoutbox, secret):
    key = secret()
    sent = it.cast.send(it.cast.customer(email="there@example.org"))
    it.work()
    reference = mailoutbox[0].message()["Message-ID"].strip("<>")
    say(it, key, type="notice.delivered", reference=reference)
    assert it.ways(sent.id) == [("arrived", "email", "delivered", "")]
    say(it, key, type="notice.failed", reference=reference, reason="complained")
    with it.cast.inside():
        assert Customer.objects.filter(refused=["email"]).exists()


def test_what_is_not_signed_changes_nothing(it, globex, mailoutbox, secret):
    key = secret()
    sent = it.cast.send(it.cast.customer(email="safe@example.org"))
    it.work()
    told = {"type": "notice.failed", "notice": str(it.told(sent.id)[0].id), "reason": "bounced"}
    old = clock.now().replace(year=clock.now().year - 1)
    answers = [
        say(it, "wrong", **told), say(it, "", **told), say(it, key, at=old, **told), say(it, key, cast=globex, **told),
        say(it, key, kind="sms", **told),
        Client(HTTP_HOST=it.cast.host).post("/hooks/email", b"{}", content_type="application/json"),
    ]  # fmt: skip
    assert {answer.status_code for answer in answers} == {401}
    assert it.ways(sent.id) == [("arrived", "email", "sent", "")]


def test_nonsense_that_is_signed_is_told(it, secret):
    key = secret()
    assert say(it, key, type=["x"]).json()["code"] == "malformed_json"
    assert say(it, key, type="odd").status_code == 200
    assert say(it, key, type="notice.failed", notice="x", reference="\x00").status_code == 200


def test_stop_and_start_by_a_text(it, provider, secret):
    it.text_from()
    key = secret("sms")
    pk = it.cast.customer(phone=NUMBER)
    for text, refused in (("Stop", ["sms"]), ("What is this?", ["sms"]), ("START", [])):
        it.at.advance(seconds=1)
        assert say(it, key, "sms", type="text.received", **{"from": NUMBER, "text": text}).status_code == 200
        with it.cast.inside():
            assert Customer.objects.get(id=pk).refused == refused
    assert say(it, key, "sms", type="text.received", **{"from": "ACME", "text": "STOP"}).status_code == 200


# ── Twilio ────────────────────────────────────────────────────────────────────────────────────────────────────────
def twilio(it, path, key="provider-secret", **fields):
    with it.cast.inside():
        url = mail.base_url() + path
    signed = url + "".join(name + fields[name] for name in sorted(fields))
    signature = b64encode(hmac.new(key.encode(), signed.encode(), "sha1").digest()).decode()
    return Client(HTTP_HOST=it.cast.host).post(path, fields, headers={"X-Twilio-Signature": signature})


def test_twilios_own_example_of_a_signature():
    """From its documentation: the address, the sorted fields, the token 12345."""
    fields = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+12349013030",
        "Digits": "1234",
        "From": "+12349013030",
        "To": "+18005551212",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert hooks.is_twilios(secret="12345", url=url, fields=fields, signature="0/KCTR6DLpKmkAf8muzZqo1nDgQ=")
    assert not hooks.is_twilios(secret="12346", url=url, fields=fields, signature="0/KCTR6DLpKmkAf8muzZqo1nDgQ=")


def test_twilio_reports_and_stops(it, provider, settings):
    settings.EBB_SMS_PROVIDER = "twilio"
    it.text_from()
    pk = it.cast.customer(phone="+4915112349999")
    sent = it.cast.send(pk)
    it.work()
    [notice] = it.told(sent.id)
    assert twilio(it, f"/hooks/sms?notice={notice.id}", key="other", MessageStatus="delivered").status_code == 401
    assert twilio(it, f"/hooks/sms?notice={notice.id}", MessageSid="SMx", MessageStatus="sent").status_code == 204
    assert it.ways(sent.id) == [("arrived", "sms", "sent", "")]
    assert twilio(it, f"/hooks/sms?notice={notice.id}", MessageSid="SMx", MessageStatus="delivered").status_code == 204
    assert it.ways(sent.id) == [("arrived", "sms", "delivered", "")]
    assert twilio(it, "/hooks/sms", From="+4915112349999", Body="STOP", MessageSid="SM2").status_code == 200
    with it.cast.inside():
        assert Customer.objects.get(id=pk).refused == ["sms"]


def test_a_new_secret_ends_the_one_before(it, secret):
    first = secret()
    second = secret()
    assert say(it, first, type="odd").status_code == 401
    assert say(it, second, type="odd").status_code == 200
    with it.cast.inside():
        assert Channel.objects.get(kind="email").hook_secret == second
