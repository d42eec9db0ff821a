"""Webhooks, the pure part: signatures as the standard has them, addresses that are inside, when it is tried again."""

from datetime import UTC, datetime, timedelta

import pytest

from messaging.rules import webhook
from portal.kernel import outside
from portal.kernel.errors import Refusal

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def test_the_standards_own_library_signs_alike():
    """Made with `standardwebhooks` 1.0 (PyPI) from the secret and message of its documentation."""
    signed = webhook.signatures(
        secrets=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", sent_at="1614265330",
        body=b'{"test": 2432232314}',
    )  # fmt: skip
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_payload_is_what_it_says():
    made = webhook.payload(event="message.received", at=NOW, data={"messages": []})
    assert made == b'{"type":"message.received","timestamp":"2030-01-01T00:00:00.000Z","data":{"messages":[]}}'


INSIDE = """
    127.0.0.1 127.8.8.8 0.0.0.0 10.0.0.1 172.16.0.1 192.168.1.1 100.64.0.1 100.100.100.200 169.254.169.254 192.0.0.192 198.18.0.1
    224.0.0.1 240.0.0.1 255.255.255.255 168.63.129.16 192.88.99.1 203.0.113.1 :: ::1 ::7f00:1 ::ffff:127.0.0.1
    ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe 64:ff9b::10.0.0.1 64:ff9b:1::1 2002:7f00:1:: 2001:0:7f00:1:: fe80::1 fe80::1%eth0
    2001:20::1 3fff::1 5f00::1 fec0::1 fc00::1 fd00:ec2::254 ff02::1 2001:db8::1 100::1 localhost 0177.0.0.1 2130706433
""".split()  # noqa: SIM905 - a list to read  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_inside(address):
    assert not outside.is_outside(address)


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_what_is_outside(address):
    assert outside.is_outside(address)


def test_the_operator_names_what_may_be_called_all_the_same():
    assert outside.is_outside("10.1.2.3", ["10.1.0.0/16"])
    assert outside.is_outside("::ffff:10.1.2.3", ["10.1.0.0/16"])
    assert not outside.is_outside("10.2.2.3", ["10.1.0.0/16"])


BAD = [
    "http://example.org/x", "ftp://example.org", "https://", "https:///x", "https://user:pw@example.org/", "https://example.org/#x",
    "https://example.org:0/", "https://example.org:99999/", "https://exam ple.org/", "https://ex\r\nHost: x/", "x" * 501, "",
    "https://[::1", "https://müller.example/",
]  # fmt: skip


@pytest.mark.parametrize("url", BAD)
def test_addresses_that_are_none(url):
    with pytest.raises(Refusal, match="bad_url"):
        webhook.check_url(url, ())


@pytest.mark.parametrize(
    "url", ["https://localhost/", "https://127.0.0.1/", "https://[::ffff:10.0.0.1]/", "https://169.254.169.254/x"]
)
def test_an_address_inside_is_not_even_written_down(url):
    with pytest.raises(Refusal, match="address_inside"):
        webhook.check_url(url, ())


def test_tries_are_spread_over_days_and_end():
    waits = [webhook.again_at(now=NOW, attempts=n, chance=0.5, wait=timedelta(0)) for n in range(1, 9)]
    spans = [at - NOW for at in waits]
    assert spans == sorted(spans)
    assert spans[0] == timedelta(seconds=5)
    assert timedelta(days=2) < sum(spans, timedelta(0)) < timedelta(days=3)
    assert webhook.again_at(now=NOW, attempts=9, chance=0.5, wait=timedelta(0)) is None
    early, late = (webhook.again_at(now=NOW, attempts=3, chance=c, wait=timedelta(0)) - NOW for c in (0.0, 1.0))
    assert late - early == timedelta(seconds=1800 * 0.4)
    asked = webhook.again_at(now=NOW, attempts=1, chance=0.5, wait=timedelta(seconds=90))
    assert asked - NOW == timedelta(seconds=90)
