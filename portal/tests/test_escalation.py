"""Nobody gets more than their role: not by a second self, another role, a key, a second person, or by letting somebody in again.

Through the console's own doors where there is one. Each act that is refused is looked at for what it left behind, too."""

import re
import secrets

import pytest

from archive.flows import approval, officer
from archive.models import Approval, OfficerKey
from archive.queries import entries
from messaging.flows import campaign, device, launch
from messaging.models import Campaign, Device, Policy
from messaging.queries import policy
from portal.accounts.api import authentication
from portal.accounts.flows import key, staff
from portal.accounts.models import ApiKey, Factor, Session, StaffPolicy, User
from portal.accounts.queries import invitations
from portal.kernel import actors, clock, roles
from portal.kernel.errors import Refusal
from portal.testing import browser
from portal.testing.cast import build

TEAM = "/console/settings/staff/"
ABOVE = sorted(set(roles.MATRIX) - {"author", "support"})  # what an admin neither gives nor touches


@pytest.fixture(scope="module")
def cast(house):
    return build(f"climb-{secrets.token_hex(3)}", "Climbing House")


@pytest.fixture
def admin(cast):
    return browser.staff(cast, "admin")


def member(cast, role):
    """Somebody of one's own for this test. → their name in the cast, and their actor"""
    name = f"{role}-{secrets.token_hex(4)}"
    cast.emails[name] = f"{name}@house.example"
    with cast.inside():
        made = staff.add(
            actor=cast.owner, now=clock.now(), email=cast.emails[name], name=name, role=role, password=cast.password
        )
    return name, actors.staff(made, role)


def row_of(cast, who):
    with cast.inside():
        return User.objects.get(id=who.id)


def size(cast):
    with cast.inside():
        return entries.list_for(actors.SYSTEM, entries.Filter(), limit=1, newest_first=True).results[0].index


# ── by a second self ──────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("role", ABOVE)
def test_an_admin_invites_nobody_above_authors_and_support(cast, admin, role):
    email = f"{secrets.token_hex(4)}@house.example"
    assert admin.post(TEAM + "invite", {"name": "Second Self", "email": email, "role": role}).status_code == 403
    with cast.inside():
        assert not User.objects.filter(email=email).exists()


def test_the_form_offers_what_may_be_given_and_says_what_each_is(cast, admin):
    def offered(client):
        return set(re.findall(r'type="radio" name="role" value="(\w+)"', client.get(TEAM).content.decode()))

    assert offered(admin) == {"author", "support"}
    owner = browser.staff(cast, "owner")
    assert offered(owner) == set(roles.MATRIX)
    for about in roles.ABOUT.values():
        assert about in owner.get(TEAM).content.decode()


def test_who_left_comes_back_by_who_may_give_what_they_were(cast, admin):
    """What they wrote is theirs to read: who brings a former owner back as an author holds a link to their words."""
    name, who = member(cast, "owner")
    with cast.inside():
        staff.remove(actor=cast.owner, now=clock.now(), user_id=who.id)
    wanted = {"name": "Back", "email": cast.emails[name], "role": "author"}
    assert admin.post(TEAM + "invite", wanted).status_code == 403
    assert browser.staff(cast, "owner").post(TEAM + "invite", wanted).status_code == 200


# ── by another role, and by letting in again ──────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("role", ABOVE)
@pytest.mark.parametrize("act", ["role", "remove", "invite"])
def test_an_admin_touches_nobody_above_authors_and_support(cast, admin, role, act):
    """Nor lets them in again: that would reset password and second factors, and show the link to the admin."""
    name, who = member(cast, role)
    client = browser.staff(cast, name)
    client.post("/console/you/app")
    before = row_of(cast, who).__dict__
    answer = admin.post(f"{TEAM}{who.id}/{act}", {"role": "support"})
    assert answer.status_code == 403
    assert f"/console/{'invited'}/" not in answer.content.decode()
    after = row_of(cast, who).__dict__
    assert {**before, "_state": 0} == {**after, "_state": 0}
    assert client.get("/console/you/").status_code == 200
    with cast.inside():
        assert Factor.objects.filter(user_id=who.id).exists()


@pytest.mark.parametrize("role", ABOVE)
def test_an_admin_promotes_nobody_and_least_of_all_itself(cast, admin, role):
    _, who = member(cast, "author")
    own = cast.join("admin")
    for one in (who, own):
        assert admin.post(f"{TEAM}{one.id}/role", {"role": role}).status_code == 403
    assert (row_of(cast, who).role, row_of(cast, own).role) == ("author", "admin")


def test_an_invitation_of_an_owner_that_waits_is_not_taken_over(cast, admin):
    with cast.inside():
        waiting = staff.invite(
            actor=cast.owner, now=clock.now(), email=f"{secrets.token_hex(4)}@house.example", name="Next", role="owner"
        )
        link = invitations.token_for(waiting)
    assert admin.post(f"{TEAM}{waiting}/invite").status_code == 403
    with cast.inside():
        assert invitations.token_for(waiting) == link


def test_a_password_of_somebody_above_is_not_set(cast):
    with cast.inside(), pytest.raises(Refusal, match="role_beyond_you"):
        staff.set_password(
            actor=cast.join("admin"), now=clock.now(), user_id=cast.owner.id, password="another horse entirely"
        )


def test_no_form_of_the_console_changes_an_e_mail_address(cast, admin):
    for path in ("/console/you/", f"{TEAM}{cast.owner.id}/role", "/console/you/password", TEAM):
        admin.post(path, {"email": "mine@evil.example", "role": "author"})
    with cast.inside():
        assert not User.objects.filter(email__contains="evil").exists()


def test_who_is_let_in_again_by_an_admin_is_an_author_as_before(cast, admin):
    name, who = member(cast, "author")
    answer = admin.post(f"{TEAM}{who.id}/invite")
    link = re.search(r'id="invitation">http://[^/]+(/[^<]+)<', answer.content.decode())[1]
    assert browser.visitor(cast).post(link, {"password": cast.password}).status_code == 302
    assert row_of(cast, who).role == "author"
    assert browser.staff(cast, name).get("/console/settings/").status_code == 404


def test_a_removed_admins_session_opens_nothing(cast):
    name, who = member(cast, "admin")
    client = browser.staff(cast, name)
    assert client.get(TEAM).status_code == 200
    with cast.inside():
        staff.remove(actor=cast.owner, now=clock.now(), user_id=who.id)
        assert not Session.objects.filter(user_id=who.id).exists()
    invite = {"name": "Puppet", "email": f"{secrets.token_hex(4)}@house.example", "role": "author"}
    assert client.post(TEAM + "invite", invite)["Location"].startswith("/console/sign-in/")
    with cast.inside():
        assert not User.objects.filter(email=invite["email"]).exists()


def test_a_demoted_admins_open_page_does_nothing_more(cast):
    name, who = member(cast, "admin")
    client = browser.staff(cast, name)
    assert client.get(TEAM).status_code == 200
    with cast.inside():
        staff.change_role(actor=cast.owner, now=clock.now(), user_id=who.id, role="support")
    before = size(cast)
    invite = {"name": "Puppet", "email": f"{secrets.token_hex(4)}@house.example", "role": "author"}
    assert client.post(TEAM + "invite", invite).status_code == 404
    assert client.post("/console/settings/keys", {"name": "k", "scopes": "message.send"}).status_code == 404
    assert size(cast) == before


# ── by what loosens a check ───────────────────────────────────────────────────────────────────────────────────────────
def test_an_admin_loosens_nothing_that_checks_it(cast, admin):
    asks = {
        "second_factor": "",
        "app_lock": "offered",
        "app_lock_after": "300",
        "idle_days": "0",
        "ends_an_hour": "100",
    }
    assert admin.post(TEAM + "policy", {}).status_code == 404
    assert admin.post("/console/settings/openness", {"tells_holds": "yes"}).status_code == 404
    assert admin.post("/console/settings/devices", asks).status_code == 403
    with cast.inside():
        assert not StaffPolicy.objects.exists()
        assert Policy.objects.values_list("tells_holds", "ends_an_hour").get() == (False, 10)
        for act in (officer.rotate, officer.remove):
            more = {"staff_id": cast.officer.id} if act is officer.remove else {}
            with pytest.raises(Refusal):
                act(actor=cast.join("admin"), now=clock.now(), **more)
        assert OfficerKey.objects.filter(staff_id=cast.officer.id).exists()
    assert admin.post("/console/settings/devices", {**asks, "ends_an_hour": "10", "idle_days": "30"}).status_code == 302


# ── by a key ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_key_can_do_no_more_than_whoever_makes_it(cast, admin):
    shown = admin.get("/console/settings/?tab=keys").content.decode()
    assert 'value="message.send"' in shown
    assert 'value="archive.list"' not in shown
    asked = {"name": "Taller", "scopes": ["message.send", "archive.list"], "days": ""}
    assert "what you may not" in admin.post("/console/settings/keys", asked).content.decode()
    with cast.inside():
        assert not ApiKey.objects.filter(name="Taller").exists()


def test_keys_made_before_a_demotion_do_no_more_than_the_new_role(cast):
    _, who = member(cast, "owner")
    with cast.inside():
        wide = key.create(actor=who, now=clock.now(), name="Wide", scopes=["message.view", "archive.list"])
        narrow = key.create(actor=who, now=clock.now(), name="Narrow", scopes=["message.view"])
        staff.change_role(actor=cast.owner, now=clock.now(), user_id=who.id, role="admin")
    authentication.forget()
    for secret, status in ((wide.secret, 401), (narrow.secret, 200)):
        asks = browser.visitor(cast)
        asks.defaults["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
        assert asks.get("/api/v1/messages").status_code == status


# ── by a second person who is the first ───────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def careful(cast):
    """Every campaign waits for a second person."""
    cast.customer()
    with cast.inside():
        Policy.objects.update_or_create(id=1, defaults={"second_person_from": 1})
        policy.forget()
    yield cast
    with cast.inside():
        Policy.objects.update(second_person_from=None)
        policy.forget()


def asked_for(cast, writer, asker):
    """A campaign that one wrote and one asked to send. → its id, the request's id"""
    with cast.inside():
        wanted = campaign.Wanted(name="Spring", filter={}, body="Words for the spring.", gone_after=3600)
        made = campaign.create(actor=writer, now=clock.now(), wanted=wanted)
        started = launch.send(actor=asker, now=clock.now(), campaign_id=made.id)
    return made.id, started.approval


def becomes(cast, who, role):
    with cast.inside():
        staff.change_role(actor=cast.owner, now=clock.now(), user_id=who.id, role=role)


@pytest.mark.parametrize("part", ["asked", "wrote", "asked by a key"])
def test_nobody_agrees_to_their_own_by_becoming_an_approver(careful, part):
    name, who = member(careful, "admin")
    _, other = member(careful, "author")
    asker = who
    if part == "wrote":
        asker = other
    elif part == "asked by a key":
        with careful.inside():
            made = key.create(actor=who, now=clock.now(), name="Theirs", scopes=["message.send", "campaign.view"])
        asker = actors.key(made.id, frozenset({"message.send", "campaign.view"}))
    campaign_id, request_id = asked_for(careful, other if part != "wrote" else who, asker)
    becomes(careful, who, "approver")
    client = browser.staff(careful, name)
    assert f"{request_id}/approve" not in client.get("/console/archive/approvals/").content.decode()
    answer = client.post(f"/console/archive/approvals/{request_id}/approve", follow=True)
    assert "somebody else decides" in answer.content.decode()
    with careful.inside():
        assert Campaign.objects.get(id=campaign_id).state == "approving"
        assert Approval.objects.get(id=request_id).state == "open"


def test_an_admin_does_not_agree_and_makes_nobody_who_does(careful, admin):
    """It writes as a puppet and would agree as itself; or writes as itself and would agree as a puppet."""
    _, puppet = member(careful, "author")
    _, request_id = asked_for(careful, puppet, puppet)
    assert admin.post(f"/console/archive/approvals/{request_id}/approve").status_code == 404
    with careful.inside(), pytest.raises(Refusal, match="not_allowed"):
        approval.approve(actor=careful.join("admin"), now=clock.now(), approval_id=request_id)
    for role in roles.given_by(roles.MATRIX["admin"]):
        assert not {"approval.decide", "campaign.approve"} & roles.MATRIX[role]


def test_an_approver_reads_while_it_is_asked_agrees_and_does_nothing_else(careful):
    _, writer = member(careful, "author")
    approver = browser.staff(careful, "approver")
    campaign_id, request_id = asked_for(careful, writer, writer)
    path = f"/console/campaigns/{campaign_id}/"
    assert "</strong> request" in approver.get("/console/").content.decode()
    page = approver.get(path).content.decode()
    assert "Words for the spring." not in page
    assert "Read the text" in page
    assert "Words for the spring." in approver.post(f"{path}read").content.decode()
    assert "Words for the spring." in approver.post(f"{path}simulate").content.decode(), "as a customer would read it"
    for act in ("edit", "save", "start", "pause", "cancel", "resend"):
        assert approver.post(path + act).status_code == 404, act
    for elsewhere in ("messages/", "customers/", "conversations/", "compose/", "archive/", "settings/", "devices/"):
        assert approver.get(f"/console/{elsewhere}").status_code == 404, elsewhere
    assert approver.post(f"/console/archive/approvals/{request_id}/approve").status_code == 302
    with careful.inside():
        assert Campaign.objects.get(id=campaign_id).state == "scheduled"
    assert approver.post(f"{path}read").status_code == 403
    assert approver.post(f"{path}simulate").status_code == 403


def test_an_approver_declines_and_it_is_a_draft_again(careful):
    _, writer = member(careful, "author")
    campaign_id, request_id = asked_for(careful, writer, writer)
    assert browser.staff(careful, "approver").post(f"/console/archive/approvals/{request_id}/refuse").status_code == 302
    with careful.inside():
        assert Campaign.objects.get(id=campaign_id).state == "draft"


# ── what those who only help or only check see ────────────────────────────────────────────────────────────────────────
def test_support_helps_with_devices_and_reads_no_word(cast):
    customer = cast.customer(name="Sigrid Support", email="sigrid@example.org")
    phone = cast.handset(customer)
    sent = cast.send(customer, body="zqvmarkwords", subject="zqvmarksubject")
    support = browser.staff(cast, "support")
    seen = [support.get(f"/console/{path}").content.decode() for path in
            ("", "messages/", f"messages/{sent.id}/", f"customers/{customer}/", f"devices/{phone.device}/")]  # fmt: skip
    assert all("zqvmark" not in page for page in seen)
    assert "Show it here" not in seen[3]
    assert support.post(f"/console/messages/{sent.id}/read").status_code in {403, 404}
    for path in ("campaigns/", "conversations/", "compose/", "archive/", "settings/", "templates/"):
        assert support.get(f"/console/{path}").status_code == 404, path
    assert support.post(f"/console/devices/{phone.device}/lock").status_code == 302
    with cast.inside():
        assert Device.objects.get(id=phone.device).state == "locked"
        device.unlock(actor=cast.owner, now=clock.now(), device_id=Device.objects.get(id=phone.device).id)


def test_who_may_not_see_a_link_gets_none(cast):
    """With a link that is shown one enrols a device of one's own, and reads as the customer."""
    customer = cast.customer(email=f"{secrets.token_hex(4)}@example.org")
    support = browser.staff(cast, "support")
    path = f"/console/customers/{customer}/invite"
    shown = support.post(path, {"send_by": "show", "relation": "self"})
    assert shown.status_code == 403
    assert "/enrol/" not in shown.content.decode()
    assert support.post(path, {"send_by": "email", "relation": "self"}).status_code in {200, 302}
    with cast.inside():
        made = key.create(actor=cast.owner, now=clock.now(), name="Invites", scopes=["customer.invite"])
    asks = browser.visitor(cast)
    asks.defaults["HTTP_AUTHORIZATION"] = f"Bearer {made.secret}"
    answer = asks.post(f"/api/v1/customers/{customer}/enrolments", {"send_by": "show"}, content_type="application/json")
    assert (answer.status_code, answer.json()["permission"]) == (403, "customer.show_link")


def test_an_auditor_sees_that_it_is_whole_and_neither_words_nor_names(cast):
    customer = cast.customer(name="zqvmarkname", reference="zqvmarkreference")
    sent = cast.send(customer, body="zqvmarkwords")
    auditor = browser.staff(cast, "auditor")
    with cast.inside():
        OfficerKey.objects.get(staff_id=cast.officer.id)
    for path in (
        "", "archive/", f"archive/?q={customer}", f"archive/{sent.index}/", f"archive/{sent.index}/record", "archive/audit/",
        f"archive/audit/?customer={customer}", "archive/keys/", "archive/account/", "archive/log/", "archive/rules/",
        "archive/disposal/", "archive/disposal/runs/", "archive/disposal/review/", "archive/disposal/certificates/",
        "settings/", "settings/staff/", "settings/?tab=roles", "archive/approvals/",
    ):  # fmt: skip
        answer = auditor.get(f"/console/{path}")
        assert answer.status_code == 200, path
        assert "zqvmark" not in answer.content.decode(), path
    assert auditor.post("/console/archive/audit/", {"customer": "zqvmarkreference"}).status_code == 422


def test_an_auditor_finds_no_button_that_changes_anything(cast):
    auditor = browser.staff(cast, "auditor")
    harmless = (
        "sign-out",
        "/you/",
        "archive/search",
        "archive/audit/",
        "account/reckon",
        "archive/lock",
        "archive/unlock",
    )
    with cast.inside():
        rule = f"archive/rules/{_rule()}/"
    for path in (
        "", "archive/", "archive/audit/", "archive/keys/", "archive/account/", "archive/log/", "archive/rules/", rule,
        "archive/disposal/", "archive/disposal/runs/", "archive/disposal/review/", "settings/", "settings/?tab=devices",
        "settings/?tab=lifetimes", "settings/staff/", "archive/approvals/",
    ):  # fmt: skip
        page = auditor.get(f"/console/{path}").content.decode()
        found = re.findall(r'<form[^>]*method="post"[^>]*>.*?</form>', page, re.DOTALL)
        pressing = [one for one in found if 'type="submit"' in one and not any(ok in one for ok in harmless)]
        assert pressing == [], path
    for act in (f"keys/{cast.officer.id}/remove", "keys/rotate"):
        assert auditor.post(f"/console/archive/{act}").status_code in {403, 404}
    with cast.inside():
        assert OfficerKey.objects.filter(staff_id=cast.officer.id).exists()


def _rule():
    from archive.models import Rule

    return Rule.objects.values_list("id", flat=True).first()


def test_who_would_send_without_being_asked_is_asked(careful):
    """The limit goes down at once and up only with another's yes; what was agreed to is what stood when it was asked for."""
    owner, approver = browser.staff(careful, "owner"), browser.staff(careful, "approver")
    path = "/console/settings/second-person"

    def limit():
        with careful.inside():
            return Policy.objects.values_list("second_person_from", flat=True).get()

    def waiting():
        with careful.inside():
            return Approval.objects.get(kind="campaign.limit", state="open").id

    assert owner.post(path, {"second_person_from": ""}).status_code == 302, "without a reason it is not even asked for"
    assert limit() == 1
    owner.post(path, {"second_person_from": "", "reason": "slow"})
    first = waiting()
    assert limit() == 1
    assert owner.post(f"/console/archive/approvals/{first}/approve").status_code == 403
    assert limit() == 1, "not by who asked"
    assert "without ever asking" in approver.get("/console/archive/approvals/").content.decode()
    approver.post(f"/console/archive/approvals/{first}/approve")
    assert limit() is None
    owner.post(path, {"second_person_from": "5"})
    assert limit() == 5, "stricter acts at once"
    owner.post(path, {"second_person_from": "50", "reason": "slow"})
    second = waiting()
    owner.post(path, {"second_person_from": "2"})
    approver.post(f"/console/archive/approvals/{second}/approve")
    assert limit() == 2, "it was changed since"
    for wrong in ("0", "-1", "x", "99999999"):
        owner.post(path, {"second_person_from": wrong})
        assert limit() == 2
    for role in ("admin", "approver", "officer", "author"):
        assert browser.staff(careful, role).post(path, {"second_person_from": ""}).status_code == 404
