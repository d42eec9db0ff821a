"""Text messages over real HTTP: what each answer means, above all the one that never comes."""

from base64 import b64decode
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from messaging.notices import Account, Became, Outgoing, sms
from portal.kernel import wire
from portal.testing.installation import free_port


def outgoing(**given):
    usual = {
        "id": uuid4(), "to": "+4915112345678", "saying": "arrived", "language": "en", "sender": "Acme Clinic",
        "url": "https://acme.example.com/inbox/", "until": datetime.now(UTC) + timedelta(hours=1), "left": 3600,
    }  # fmt: skip
    return Outgoing(**{**usual, **given})


ACCOUNT = Account("AC123", "provider-secret", "+4930123456", "https://acme.example.com/hooks/sms")


@pytest.fixture
def way(provider):
    return sms.open_(ACCOUNT)


def test_our_own_dialect(provider, way):
    notice = outgoing()
    answer = way.send(notice)
    assert (answer.became, answer.reference) == (Became.SENT, "p-1")
    [got] = provider.got
    assert got.headers["idempotency-key"] == str(notice.id)
    assert got.headers["authorization"] == "Bearer provider-secret"
    assert got.json["to"] == "+4915112345678"
    assert got.json["from"] == "+4930123456"
    assert got.json["text"] == "Acme Clinic: you have a message. https://acme.example.com/inbox/"
    assert set(got.json) == {"id", "to", "from", "text", "until"}


def test_twilio(provider, settings):
    settings.EBB_SMS_PROVIDER = "twilio"
    notice = outgoing()
    answer = sms.open_(ACCOUNT).send(notice)
    assert answer.reference == "SM" + "0" * 31 + "1"
    [got] = provider.got
    assert got.path == "/2010-04-01/Accounts/AC123/Messages.json"
    assert b64decode(got.headers["authorization"].removeprefix("Basic ")) == b"AC123:provider-secret"
    assert got.form == {
        "To": "+4915112345678", "From": "+4930123456", "ValidityPeriod": "3600",
        "Body": "Acme Clinic: you have a message. https://acme.example.com/inbox/",
        "StatusCallback": f"https://acme.example.com/hooks/sms?notice={notice.id}",
    }  # fmt: skip


def test_twilio_never_holds_a_text_longer_than_its_message_lives(provider, settings):
    settings.EBB_SMS_PROVIDER = "twilio"
    sms.open_(ACCOUNT).send(outgoing(left=10**6))
    sms.open_(ACCOUNT).send(outgoing(left=90))
    assert [got.form["ValidityPeriod"] for got in provider.got] == ["36000", "90"]


def test_a_messaging_service_is_named_as_one(provider, settings):
    settings.EBB_SMS_PROVIDER = "twilio"
    sms.open_(Account("AC1", "s", "MG0123")).send(outgoing())
    assert provider.got[0].form["MessagingServiceSid"] == "MG0123"


ANSWERS = [
    (401, {}, Became.RETRY, "credentials"),
    (403, {}, Became.RETRY, "credentials"),
    (429, {}, Became.RETRY, "provider_busy"),
    (503, {}, Became.RETRY, "provider_busy"),
    (422, {"code": "opted_out"}, Became.FAILED, "opted_out"),
    (422, {"code": "bad_number"}, Became.FAILED, "bad_address"),
    (400, {"code": ["odd"]}, Became.FAILED, "refused"),
    (301, {}, Became.FAILED, "refused"),
    (500, {}, Became.AMBIGUOUS, "no_answer"),
    (502, {}, Became.AMBIGUOUS, "no_answer"),
]


@pytest.mark.parametrize(("status", "told", "became", "why"), ANSWERS)
def test_what_an_answer_means(provider, way, status, told, became, why):
    provider.be("refuses", status, **told)
    answer = way.send(outgoing())
    assert (answer.became, answer.why) == (became, why)


@pytest.mark.parametrize(
    ("code", "why"), [(21610, "opted_out"), (21211, "bad_address"), (1, "refused"), ("x", "refused")]
)
def test_what_twilios_codes_mean(provider, settings, code, why):
    settings.EBB_SMS_PROVIDER = "twilio"
    provider.be("refuses", 400, code=code)
    assert sms.open_(ACCOUNT).send(outgoing()).why == why


def test_how_long_to_stay_away_is_heard(provider, way):
    provider.headers["Retry-After"] = "120"
    provider.be("refuses", 429)
    assert way.send(outgoing()).wait == 120


def test_a_redirect_is_not_followed(provider, way):
    provider.headers["Location"] = "http://169.254.169.254/"
    provider.be("refuses", 307)
    assert way.send(outgoing()).became is Became.FAILED
    assert len(provider.got) == 1


def test_nobody_there_is_no_doubt(settings):
    settings.EBB_SMS_PROVIDER, settings.EBB_SMS_URL = "http", f"http://127.0.0.1:{free_port()}"
    answer = sms.open_(ACCOUNT).send(outgoing())
    assert (answer.became, answer.why) == (Became.RETRY, "provider_away")


@pytest.mark.parametrize("mood", ["hangs_up", "sleeps", "drips"])
def test_what_left_and_was_not_answered_is_in_doubt(provider, way, settings, mood):
    settings.EBB_SMS_SECONDS = 0.5
    provider.be(mood)
    answer = way.send(outgoing())
    assert (answer.became, answer.why) == (Became.AMBIGUOUS, "no_answer")
    assert len(provider.got) == 1, "it had left: that is what makes it doubtful"


def test_an_endless_answer_is_cut(provider, settings):
    provider.be("drips")
    with pytest.raises(wire.Unsure):
        wire.post(provider.url, headers={}, body=b"", seconds=0.3)


def test_without_an_account_nothing_leaves(provider):
    assert sms.open_(Account()).send(outgoing()).why == "not_set_up"
    assert provider.got == []


def test_without_a_provider_nothing_leaves(settings):
    settings.EBB_SMS_PROVIDER = ""
    assert sms.open_(ACCOUNT).send(outgoing()).why == "not_set_up"


def test_a_demo_prints_it(settings, capsys):
    settings.EBB_SMS_PROVIDER = "console"
    assert sms.open_(Account()).send(outgoing()).became is Became.SENT
    assert (
        capsys.readouterr().out
        == "SMS to +4915112345678: Acme Clinic: you have a message. https://acme.example.com/inbox/\n"
    )
