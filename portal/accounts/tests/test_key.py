"""API keys: shown once, scoped, revoked, and worth nothing elsewhere."""

from datetime import timedelta

import pytest

from portal.accounts.api import authentication
from portal.accounts.flows import key
from portal.accounts.models import ApiKey
from portal.accounts.queries import keys
from portal.kernel import clock
from portal.kernel.errors import Refusal
from portal.testing import browser


def _made(cast, **given):
    with cast.inside():
        return key.create(actor=cast.owner, now=clock.now(), name="One", scopes=["message.view"], **given)


def test_a_key_opens_its_business_and_no_other(acme, globex):
    assert browser.program(acme).get("/api/v1/messages").status_code == 200
    theirs = browser.program(acme)
    theirs.defaults["HTTP_HOST"] = globex.host
    answer = theirs.get("/api/v1/messages")
    assert (answer.status_code, answer.json()["code"]) == (401, "no_key")
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "Bearer \udcff", "Bearer " + "x" * 9000])
def test_what_is_no_key_is_refused(acme, header):
    answer = browser.visitor(acme).get("/api/v1/messages", HTTP_AUTHORIZATION=header)
    assert answer.status_code == 401


def test_a_revoked_key_ends_within_two_seconds(acme):
    made = _made(acme)
    with acme.inside():
        assert authentication.get_actor(made.secret)
        key.revoke(actor=acme.owner, now=clock.now(), key_id=made.id)
        authentication.forget()
        assert authentication.get_actor(made.secret) is None
        with pytest.raises(Refusal, match="not_found"):
            key.revoke(actor=acme.owner, now=clock.now(), key_id=made.id)
    assert authentication.FRESH_FOR <= 2


def test_an_expired_key_is_no_key(acme):
    made = _made(acme, expires_at=clock.now() + timedelta(hours=1))
    with acme.inside():
        assert keys.get_key_for_secret(made.secret, clock.now())
        assert keys.get_key_for_secret(made.secret, clock.now() + timedelta(hours=1)) is None


def test_only_a_hash_is_kept_and_its_day_of_use(acme):
    made = _made(acme)
    with acme.inside():
        keys.get_key_for_secret(made.secret, clock.now())
        row = ApiKey.objects.get(id=made.id)
    assert row.used_on == clock.now().date()
    assert made.secret not in f"{row.__dict__}"
    assert made.secret not in repr(made)


@pytest.mark.parametrize("scopes", [[], ["archive.open"], ["no.such"], ["key.manage"]])
def test_scopes_that_no_key_may_have(acme, scopes):
    with acme.inside(), pytest.raises(Refusal, match="scope"):
        key.create(actor=acme.owner, now=clock.now(), name="x", scopes=scopes)


def test_only_who_manages_keys_makes_them(acme):
    with acme.inside(), pytest.raises(Refusal, match="not_allowed"):
        key.create(actor=acme.author, now=clock.now(), name="x", scopes=["message.view"])
