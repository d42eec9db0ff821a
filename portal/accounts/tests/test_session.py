"""A session's key: another one after each proof, and the session is the same otherwise."""

import secrets

import pytest
from django.conf import settings

from archive.flows import unlock
from portal.accounts.models import Session
from portal.kernel import clock
from portal.testing import browser
from portal.testing.cast import build

COOKIE = settings.SESSION_COOKIE_NAME


@pytest.fixture(scope="module")
def cast(house):
    return build(f"session-{secrets.token_hex(3)}", "Session House")


def row_of(cast, client):
    with cast.inside():
        return Session.objects.get(session_key=client.cookies[COOKIE].value)


@pytest.mark.parametrize(
    ("act", "who", "password"), [("confirm/", "author", ""), ("you/password", "reviewer", "a better horse battery")]
)
def test_a_proof_changes_the_key_and_nothing_else(cast, at, act, who, password):
    client = browser.staff(cast, who)
    before = row_of(cast, client)
    assert client.post(f"/console/{act}", {"password": password or cast.password}).status_code == 302
    after = row_of(cast, client)
    assert after.session_key != before.session_key
    for one in ("user_id", "sealed_address", "browser", "signed_in_at", "used_at"):
        assert getattr(after, one) == getattr(before, one), one
    assert after.signed_in_at is not None
    assert client.get("/console/").status_code == 200
    client.cookies[COOKIE] = before.session_key
    assert client.get("/console/").status_code == 302, "the old key opens nothing"


def test_the_archive_stays_open_under_the_new_key(cast, at):
    client, now = browser.staff(cast, "officer"), clock.now()
    old = client.cookies[COOKIE].value
    with cast.inside():
        unlock.open_(actor=cast.officer, now=now, passphrase=cast.passphrase, session_key=old)
    client.post("/console/confirm/", {"password": cast.password})
    with cast.inside():
        assert unlock.is_open(actor=cast.officer, now=now, session_key=client.cookies[COOKIE].value)
        assert not unlock.is_open(actor=cast.officer, now=now, session_key=old)
