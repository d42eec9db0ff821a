"""API keys: shown once, scoped, revoked, and worth nothing elsewhere."""

from datetime import timedelta

import pytest

from archive.queries import entries
from portal.accounts.api import authentication
from portal.accounts.flows import key
from portal.accounts.models import ApiKey
from portal.accounts.queries import keys
from portal.accounts.rules import network
from portal.kernel import clock
from portal.kernel.errors import Refusal
from portal.testing import browser

HERE = "192.0.2.10"


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


def test_a_revoked_key_ends_within_half_a_second(acme):
    made = _made(acme)
    with acme.inside():
        assert authentication.get_actor(made.secret, HERE)
        key.revoke(actor=acme.owner, now=clock.now(), key_id=made.id)
        authentication.forget()
        assert authentication.get_actor(made.secret, HERE) is None
        with pytest.raises(Refusal, match="not_found"):
            key.revoke(actor=acme.owner, now=clock.now(), key_id=made.id)
    assert authentication.FRESH_FOR <= 0.5


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


def _entries(cast, kind, key_id):
    """Their leaves."""
    with cast.inside():
        found = entries.list_for(cast.owner, entries.Filter(kind=kind), limit=1000).results
    return [one.leaf for one in found if str(key_id).encode() in bytes(one.leaf)]


def _call(cast, made, address):
    authentication.forget()
    return browser.visitor(cast).get(
        "/api/v1/messages", headers={"authorization": f"Bearer {made.secret}"}, REMOTE_ADDR=address
    )


def test_a_key_with_ranges_opens_from_them_only(acme):
    made = _made(acme, networks=["192.0.2.0/28", "2001:db8::/64"])
    assert _call(acme, made, "192.0.2.15").status_code == 200
    assert _call(acme, made, "2001:db8::5").status_code == 200
    assert _call(acme, made, "::ffff:192.0.2.1").status_code == 200
    for outside in ("192.0.2.16", "2001:db8:0:1::5", "::ffff:192.0.2.99", "", "unix"):
        answer = _call(acme, made, outside)
        assert (answer.status_code, answer.json()["code"]) == (403, "address_not_allowed")


def test_the_range_is_looked_at_while_the_key_is_remembered(acme):
    """A header that the caller wrote says nothing about where it is."""
    made = _made(acme, networks=["192.0.2.0/28"])
    assert _call(acme, made, "192.0.2.15").status_code == 200
    answer = browser.visitor(acme).get(
        "/api/v1/messages", headers={"authorization": f"Bearer {made.secret}", "x-forwarded-for": "192.0.2.15"},
        REMOTE_ADDR="198.51.100.1",
    )  # fmt: skip
    assert answer.json()["code"] == "address_not_allowed"


def test_a_call_from_elsewhere_is_one_entry_an_hour(acme):
    made, now = _made(acme, networks=["192.0.2.0/28"]), clock.now()
    for _ in range(3):
        _call(acme, made, "198.51.100.1")
    with acme.inside():
        assert len(_entries(acme, "key.refused", made.id)) == 1
        key.refused(key_id=made.id, now=now + timedelta(minutes=59))
        assert len(_entries(acme, "key.refused", made.id)) == 1
        key.refused(key_id=made.id, now=now + timedelta(minutes=61))
        found = _entries(acme, "key.refused", made.id)
    assert len(found) == 2
    assert b"198.51" not in b"".join(map(bytes, found))  # where it came from is personal, and no code


def test_an_end_inside_the_remembered_moment_is_an_end(acme, monkeypatch):
    now = clock.now()
    made = _made(acme, expires_at=now + timedelta(hours=1))
    with acme.inside():
        authentication.forget()
        assert authentication.get_actor(made.secret, HERE)
        with clock.use(lambda: now + timedelta(hours=1)):
            assert authentication.get_actor(made.secret, HERE) is None


@pytest.mark.parametrize("bad", ["10.0.0.1/8", "example.com", "300.0.0.0/8", "::1%eth0/128", "10.0.0.0/33"])
def test_ranges_that_are_none(acme, bad):
    with pytest.raises(Refusal, match="bad_range"):
        _made(acme, networks=[bad])


def test_more_ranges_than_a_key_has(acme):
    with pytest.raises(Refusal, match="too_many_ranges"):
        _made(acme, networks=[f"192.0.2.{n}" for n in range(network.MOST + 1)])


def test_a_key_that_has_ended_already_is_not_made(acme):
    with pytest.raises(Refusal, match="expiry_past"):
        _made(acme, expires_at=clock.now())


def test_the_page_makes_a_key_with_ranges_and_an_end(acme, globex):
    given = {"name": "Till", "scopes": ["message.view"], "networks": "192.0.2.0/28\r\n\r\n2001:db8::/32", "days": "30"}
    page = browser.staff(acme, "owner").post("/console/settings/keys", given)
    assert page.status_code == 200
    with acme.inside():
        row = ApiKey.objects.get(name="Till")
        assert row.created_by == acme.owner.id
    assert row.networks == ["192.0.2.0/28", "2001:db8::/32"]
    assert timedelta(days=29) < row.expires_at - clock.now() <= timedelta(days=30)
    listed = browser.staff(acme, "owner").get("/console/settings/").content.decode()
    assert "192.0.2.0/28" in listed
    assert f"{row.prefix}…" in listed  # and no more of it
    assert b"Till" not in browser.staff(globex, "owner").get("/console/settings/").content
    stranger = browser.staff(globex, "owner").post(f"/console/settings/keys/{row.id}/revoke")
    assert stranger.status_code == 404
    bad = browser.staff(acme, "owner").post("/console/settings/keys", {**given, "networks": "nowhere"})
    assert bad.status_code == 422
    assert b"Write address ranges" in bad.content
