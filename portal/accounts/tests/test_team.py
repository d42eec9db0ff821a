"""Staff: invited by a link that opens once, given another role while a page stands open, let go at once."""

import re
import secrets

import pytest

from archive.ledger import entry
from archive.queries import entries
from portal.accounts.api import authentication
from portal.accounts.flows import attempt, key, staff
from portal.accounts.models import ApiKey, Factor, Session, User
from portal.kernel import actors, clock
from portal.kernel.errors import Refusal
from portal.testing import browser
from portal.testing.cast import build

TEAM = "/console/settings/staff/"
GOOD = "a quite different horse"


@pytest.fixture(scope="module")
def cast(house):
    return build(f"team-{secrets.token_hex(3)}", "Team House")


@pytest.fixture
def owner(cast, at):
    return browser.staff(cast, "owner")


def told(cast, kind):
    with cast.inside():
        found = entries.list_for(actors.SYSTEM, entries.Filter(kind=kind), limit=1000).results
        return [entry.decode(one.leaf) for one in found]


def invited(cast, owner, role="author"):
    """→ name and the link's path."""
    name = f"{role}-{secrets.token_hex(4)}"
    cast.emails[name] = f"{name}@house.example"
    answer = owner.post(TEAM + "invite", {"name": "New Comer", "email": cast.emails[name], "role": role})
    assert answer.status_code == 200, answer.content
    return name, link_of(answer)


def link_of(answer):
    return re.search(r'id="invitation">http://[^/]+(/[^<]+)<', answer.content.decode())[1]


def joined(cast, owner, role="author"):
    name, link = invited(cast, owner, role)
    assert browser.visitor(cast).post(link, {"password": cast.password})["Location"] == "/console/sign-in/"
    return name


def person(cast, name):
    with cast.inside():
        return User.objects.get(email=cast.emails[name])


def is_in(client):
    return client.get("/console/").status_code == 200


def test_who_is_invited_chooses_a_password_and_signs_in(cast, owner):
    name, link = invited(cast, owner)
    stranger = browser.visitor(cast)
    assert stranger.get(link).status_code == 200
    assert stranger.post("/console/sign-in/", {"login": cast.emails[name], "password": ""}).status_code == 422
    assert stranger.post(link, {"password": "short"}).status_code == 422
    assert stranger.post(link, {"password": cast.password}).status_code == 302
    assert b"Welcome. Sign in with your e-mail address" in stranger.get("/console/sign-in/").content
    assert is_in(browser.staff(cast, name))
    assert told(cast, "staff.joined")[-1].codes["staff"] == str(person(cast, name).id)
    assert link not in owner.get(TEAM).content.decode(), "shown once"


def test_an_invitation_opens_once_for_a_week_and_here_only(cast, owner, globex, at):
    _, used = invited(cast, owner)
    _, late = invited(cast, owner)
    assert browser.visitor(globex).post(used, {"password": GOOD}).status_code == 404
    assert browser.visitor(cast).post(used[:-3] + "abc", {"password": GOOD}).status_code == 404
    browser.visitor(cast).post(used, {"password": GOOD})
    assert browser.visitor(cast).post(used, {"password": GOOD}).status_code == 410
    at.advance(days=7)
    assert browser.visitor(cast).post(late, {"password": GOOD}).status_code == 410
    assert len(told(cast, "staff.invitation_refused")) == 2


def test_a_new_link_voids_the_older_and_shuts_out_who_lost_everything(cast, owner, at):
    name, first = invited(cast, owner)
    path = f"{TEAM}{person(cast, name).id}/invite"
    at.advance(seconds=1)
    second = link_of(owner.post(path))
    assert browser.visitor(cast).post(first, {"password": GOOD}).status_code == 410
    assert browser.visitor(cast).post(second, {"password": cast.password}).status_code == 302
    client = browser.staff(cast, name)
    client.post("/console/you/app")
    third = link_of(owner.post(path))
    assert not is_in(client)
    with cast.inside():
        assert not Factor.objects.filter(user_id=person(cast, name).id).exists()
    assert browser.visitor(cast).post(third, {"password": GOOD}).status_code == 302


def test_an_old_link_shuts_its_person_out_of_nothing(cast, owner, at):
    name, old = invited(cast, owner)
    at.advance(seconds=1)
    newer = link_of(owner.post(f"{TEAM}{person(cast, name).id}/invite"))
    tries = [browser.visitor(cast).post(old, {"password": GOOD}).status_code for _ in range(attempt.AT_ONE_PERSON + 1)]
    assert tries == [410] * attempt.AT_ONE_PERSON + [429]
    assert browser.visitor(cast).post(newer, {"password": cast.password}).status_code == 302
    assert browser.staff(cast, name).post("/console/confirm/", {"password": cast.password}).status_code == 302


@pytest.mark.parametrize(("act", "given"), [("role", {"role": "author"}), ("invite", {})])
def test_who_may_make_no_keys_any_more_keeps_none(cast, owner, act, given):
    who = person(cast, joined(cast, owner, "owner"))
    with cast.inside():
        made = key.create(actor=who.actor, now=clock.now(), name="Theirs", scopes=["message.view"])
    owner.post(f"{TEAM}{who.id}/role", {"role": "owner"})
    with cast.inside():
        assert ApiKey.objects.get(id=made.id).revoked_at is None, "an owner still"
    owner.post(f"{TEAM}{who.id}/{act}", given)
    with cast.inside():
        assert ApiKey.objects.get(id=made.id).revoked_at == clock.now()


def test_somebody_let_go_loses_sessions_keys_factors_and_an_invitation(cast, owner, at):
    name = joined(cast, owner, "owner")
    who, client = person(cast, name), browser.staff(cast, name)
    with cast.inside():
        made = key.create(actor=who.actor, now=clock.now(), name="Theirs", scopes=["message.view"])
        other = key.create(actor=cast.owner, now=clock.now(), name="Ours", scopes=["message.view"])
    assert owner.post(f"{TEAM}{who.id}/remove").status_code == 302
    assert not is_in(client)
    authentication.forget()
    for secret, status in ((made.secret, 401), (other.secret, 200)):
        asks = browser.visitor(cast)
        asks.defaults["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
        assert asks.get("/api/v1/messages").status_code == status
    with cast.inside():
        assert not Session.objects.filter(user_id=who.id).exists()
        assert ApiKey.objects.get(id=made.id).revoked_at == clock.now()
    assert told(cast, "key.revoked")[-1].codes["key"] == str(made.id)
    waits, link = invited(cast, owner)
    assert owner.post(f"{TEAM}{person(cast, waits).id}/remove").status_code == 302
    assert browser.visitor(cast).post(link, {"password": GOOD}).status_code == 410


def test_who_was_let_go_comes_back_as_who_they_were(cast, owner):
    name = joined(cast, owner, "owner")
    before = person(cast, name)
    wanted = {"name": "New Again", "email": cast.emails[name], "role": "author"}
    assert owner.post(TEAM + "invite", wanted).status_code == 422, "is staff"
    owner.post(f"{TEAM}{before.id}/remove")
    link = link_of(owner.post(TEAM + "invite", wanted))
    assert owner.post(TEAM + "invite", wanted).status_code == 422, "is invited"
    assert told(cast, "staff.invited")[-1].codes == {"staff": str(before.id), "role": "author"}
    assert browser.visitor(cast).post(link, {"password": cast.password}).status_code == 302
    after = person(cast, name)
    assert (after.id, after.name, after.role, after.created_at) == (before.id, "New Again", "author", before.created_at)
    assert is_in(browser.staff(cast, name))


def test_a_role_changes_while_a_page_stands_open(cast, owner):
    name = joined(cast, owner, "author")
    client = browser.staff(cast, name)
    assert client.get("/console/compose/").status_code == 200
    assert owner.post(f"{TEAM}{person(cast, name).id}/role", {"role": "reviewer"}).status_code == 302
    assert client.get("/console/compose/").status_code == 404
    assert client.post("/console/compose/", {"body": "still?"}).status_code == 404


def test_the_last_owner_stays(cast, owner):
    for act, given in (("remove", {}), ("role", {"role": "author"}), ("invite", {})):
        assert owner.post(f"{TEAM}{cast.owner.id}/{act}", given).status_code == 302
    assert is_in(owner)
    assert person(cast, "owner").role == "owner"


def test_an_invited_owner_is_no_owner_yet(cast, owner):
    """Or the last one who can sign in could go."""
    invited(cast, owner, "owner")
    with cast.inside(), pytest.raises(Refusal, match="last_owner"):
        staff.remove(actor=cast.owner, now=clock.now(), user_id=cast.owner.id)


@pytest.mark.parametrize("role", ["author", "officer", "reviewer"])
def test_only_who_manages_staff_does(cast, at, role):
    client = browser.staff(cast, role)
    for act in ("invite", "policy", f"{cast.owner.id}/role", f"{cast.owner.id}/remove", f"{cast.owner.id}/invite"):
        assert client.post(TEAM + act, {"second_factor": "yes"}).status_code == 404


@pytest.mark.parametrize(
    ("given", "field"),
    [({"role": "king"}, "role"), ({"email": "nobody"}, "email"), ({"name": " "}, "name")],
)
def test_what_is_wrong_with_an_invitation_is_said(cast, owner, given, field):
    wanted = {"name": "Some One", "email": f"{secrets.token_hex(4)}@house.example", "role": "author", **given}
    answer = owner.post(TEAM + "invite", wanted)
    assert answer.status_code == 422
    assert answer.context["errors"].keys() == {field}
