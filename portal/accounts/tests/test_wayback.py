"""A way back for an only owner: asked for at the command line, told, delayed, stopped by whoever it concerns, used once."""

import io
import re
from datetime import timedelta

import pytest
from django.core import mail
from django.core.management import CommandError, call_command

from archive.ledger import entry
from archive.queries import entries
from portal.accounts import jobs
from portal.accounts.flows import key, staff, wayback
from portal.accounts.models import ApiKey, Factor, Session, User
from portal.kernel import actors, clock
from portal.kernel.errors import Refusal
from portal.testing import browser

NEW = "an entirely new battery"
SOON, LATER = timedelta(hours=71), timedelta(hours=73)


@pytest.fixture
def cast(fresh, at):
    """Of its own for each test: its one owner is what all of this is about."""
    return fresh()


def asked(cast, owner="owner"):
    """→ the link's path"""
    said = io.StringIO()
    call_command("let_owner_in", cast.place.slug, owner=cast.emails[owner], stdout=said)
    return re.search(r"https?://[^/]+(/\S+)", said.getvalue())[1]


def told(cast, kind):
    with cast.inside():
        found = entries.list_for(actors.SYSTEM, entries.Filter(kind=kind), limit=100).results
        return [entry.decode(one.leaf) for one in found]


def use(cast, link, password=NEW):
    return browser.visitor(cast).post(link, {"password": password}).status_code


def sign_in(cast, password):
    client = browser.visitor(cast)
    client.post("/console/sign-in/", {"login": cast.emails["owner"], "password": password})
    return client


def second_owner(cast):
    staff.add(
        actor=actors.SYSTEM, now=clock.now(), email="second@house.example", name="Second", role="owner",
        password=cast.password,
    )  # fmt: skip


def test_it_opens_after_three_days_once_and_takes_everything_of_before(cast, at):
    client = browser.staff(cast, "owner")
    client.post("/console/you/app")
    with cast.inside():
        made = key.create(actor=cast.owner, now=clock.now(), name="Before", scopes=["message.view"])
    link = asked(cast)
    [leaf] = told(cast, "staff.way_back_asked")
    assert (leaf.actor, leaf.codes["staff"]) == ("operator", str(cast.owner.id))
    assert client.get("/console/").status_code == 200, "a request takes nothing from the owner"
    at.advance(seconds=SOON.total_seconds())
    assert use(cast, link) == 409
    at.advance(hours=2)
    assert use(cast, link) == 302
    assert use(cast, link) == 410
    with cast.inside():
        assert not Factor.objects.filter(user_id=cast.owner.id).exists()
        assert not Session.objects.filter(user_id=cast.owner.id).exists()
        assert ApiKey.objects.get(id=made.id).revoked_at
    assert sign_in(cast, cast.password).get("/console/").status_code == 302
    assert sign_in(cast, NEW).get("/console/settings/staff/").status_code == 200


def test_it_is_over_after_a_week(cast, at):
    link = asked(cast)
    at.advance(hours=72, days=7)
    assert use(cast, link) == 410
    assert sign_in(cast, cast.password).get("/console/").status_code == 200


def test_whoever_signs_in_as_the_owner_stops_it(cast, at):
    link = asked(cast)
    browser.staff(cast, "owner")
    at.advance(seconds=LATER.total_seconds())
    assert use(cast, link) == 410
    [leaf] = told(cast, "staff.way_back_stopped")
    assert leaf.actor == f"staff:{cast.owner.id}"


def test_an_officer_stops_it_and_nobody_below(cast, at):
    link = asked(cast)
    path = f"/console/settings/staff/{cast.owner.id}/stop"
    assert browser.staff(cast, "author").post(path).status_code == 404
    with cast.inside(), pytest.raises(Refusal, match="not_found"):
        wayback.stop(actor=cast.join("admin"), now=clock.now(), user_id=cast.owner.id)
    officer = browser.staff(cast, "officer")
    assert "let Owner in again" in officer.get("/console/settings/staff/").content.decode()
    assert officer.post(path).status_code == 302
    assert "let Owner in again" not in officer.get("/console/settings/staff/").content.decode()
    assert officer.post(path).status_code == 404
    at.advance(seconds=LATER.total_seconds())
    assert use(cast, link) == 410


def test_owners_and_officers_are_told_without_a_name(cast):
    asked(cast)
    mail.outbox.clear()
    with cast.inside():
        jobs.tell_of_way_back(cast.owner.id)
    assert sorted(one.to[0] for one in mail.outbox) == sorted([cast.emails["officer"], cast.emails["owner"]])
    for one in mail.outbox:
        assert "72" not in one.subject
        assert cast.emails["owner"] not in one.body
        assert "/console/settings/staff/" in one.body
        assert "/invited/" not in one.body, "no link that sets a password is mailed"
    with cast.inside():
        wayback.stop(actor=cast.owner, now=clock.now(), user_id=cast.owner.id)
        mail.outbox.clear()
        jobs.tell_of_way_back(cast.owner.id)
    assert mail.outbox == []


def test_asked_again_the_older_link_is_void(cast, at):
    first = asked(cast)
    at.advance(hours=1)
    second = asked(cast)
    at.advance(seconds=LATER.total_seconds())
    assert (use(cast, first), use(cast, second)) == (410, 302)


def test_it_is_for_an_only_owner_and_looked_at_again_when_it_is_used(cast, at):
    for nobody in ("officer", "author"):
        with pytest.raises(CommandError, match="not_found"):
            asked(cast, nobody)
    link = asked(cast)
    with cast.inside():
        second_owner(cast)
    at.advance(seconds=LATER.total_seconds())
    assert use(cast, link) == 410, "the second owner lets them in"
    with pytest.raises(CommandError, match="other_owner"):
        asked(cast)


def test_another_role_meanwhile_takes_it_away(cast, at):
    link = asked(cast)
    with cast.inside():
        second_owner(cast)
        staff.change_role(actor=actors.SYSTEM, now=clock.now(), user_id=cast.owner.id, role="author")
        assert User.objects.get(id=cast.owner.id).invited_at is None
    at.advance(seconds=LATER.total_seconds())
    assert use(cast, link) == 410


def test_only_the_operator_asks(cast):
    for actor in (cast.owner, cast.officer, actors.key(cast.owner.id, frozenset()), actors.SYSTEM):
        with cast.inside(), pytest.raises(Refusal, match="not_allowed"):
            wayback.ask(actor=actor, now=clock.now(), email=cast.emails["owner"])


def test_the_link_of_one_business_opens_nothing_in_another(cast, globex, at):
    link = asked(cast)
    at.advance(seconds=LATER.total_seconds())
    assert browser.visitor(globex).post(link, {"password": NEW}).status_code == 404
    with pytest.raises(CommandError, match="no business"):
        call_command("let_owner_in", "nobody-here", owner=cast.emails["owner"])
