"""Sign-in by the business's own provider: who comes in, who does not, which browser, and what an owner sets up."""

import base64
import secrets
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection, connections
from joserfc.jwk import ECKey, RSAKey

from portal.accounts.flows import attempt, signon, staff, staffpolicy
from portal.accounts.models import Attempt, StaffPolicy, User
from portal.accounts.rules import oidc
from portal.accounts.tests.conftest import BACK, CONFIRM, GO, PAGE, is_in, refused
from portal.kernel import clock
from portal.testing import browser, openid


# ── who comes in ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_staff_come_in_by_a_verified_address_and_are_bound(it):
    email = it.someone()
    client, answer = it.come(email)
    assert answer["Location"] == "/console/"
    assert is_in(client)
    label = it.person(email).actor.label
    assert [one.codes for one in it.told("staff.signed_in") if one.actor == label] == [
        {"by": "provider", "factor": "none"}
    ]
    assert [one.actor for one in it.told("staff.provider_bound")].count(label) == 1
    assert openid.CONFIGURATION in it.there.asked


def test_once_bound_the_address_does_not_matter(it):
    email = it.someone()
    it.come(email)
    client, _ = it.come(email, email="another@elsewhere.example", email_verified=False)
    assert is_in(client)
    label = it.person(email).actor.label
    assert [one.actor for one in it.told("staff.provider_bound")].count(label) == 1


def test_what_is_asked_is_asked_rightly(it):
    """Two sign-ins: nothing random is the same twice, and PKCE is S256."""
    seen = []
    for _ in range(2):
        _, location = it.go()
        seen.append({name: values[0] for name, values in parse_qs(urlsplit(location).query).items()})
    one, two = seen
    assert one["response_type"], one["scope"] == ("code", "openid email")
    assert one["redirect_uri"] == f"http://{it.cast.host}{BACK}"
    assert one["code_challenge_method"] == "S256"
    assert all(one[name] != two[name] and len(one[name]) >= 43 for name in ("state", "nonce", "code_challenge"))
    assert openid.SECRET not in str(seen)


def test_the_page_that_was_wanted_comes_after(it):
    _, answer = it.come(it.someone(), path=GO + "?next=/console/messages/")
    assert answer["Location"] == "/console/messages/"
    _, answer = it.come(it.someone(), path=GO + "?next=https://evil.example/")
    assert answer["Location"] == "/console/"


def test_an_invited_person_joins(it):
    email = f"{secrets.token_hex(5)}@house.example"
    with it.cast.inside():
        staff.invite(actor=it.cast.owner, now=clock.now(), email=email, name="Invited One", role="author")
    client, _ = it.come(email)
    assert is_in(client)
    assert it.person(email).actor.label in {one.actor for one in it.told("staff.joined")}
    assert not it.person(email).has_usable_password()


def test_an_invitation_of_eight_days_ago_is_over(it):
    email = f"{secrets.token_hex(5)}@house.example"
    with it.cast.inside():
        staff.invite(actor=it.cast.owner, now=clock.now(), email=email, name="Invited One", role="author")
    it.at.advance(days=8)
    client, answer = it.come(email)
    refused(it, answer, client, "nobody_here")


@pytest.mark.parametrize("source", ["token", "userinfo"])
def test_the_address_may_come_from_userinfo(it, source):
    email = it.someone()
    it.there.person = {"sub": "sub-" + email, "email": email, "email_verified": True}
    client, _ = it.come(email, **({"email": None, "email_verified": None} if source == "userinfo" else {}))
    assert is_in(client)
    assert ("/me" in it.there.asked) == (source == "userinfo")


def test_other_algorithms_that_have_a_private_key(it):
    for key, algorithm in (
        (ECKey.generate_key("P-256", {"kid": "ec"}), "ES256"),
        (RSAKey.generate_key(2048, {"kid": "ps"}), "PS256"),
    ):
        it.there.key, it.there.algorithm = key, algorithm
        client, _ = it.come(it.someone())
        assert is_in(client), algorithm


# ── who does not ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_nobody_is_made_by_a_token(it):
    with it.cast.inside():
        before = User.objects.count()
    client, answer = it.come("stranger@elsewhere.example")
    refused(it, answer, client, "nobody_here")
    with it.cast.inside():
        assert User.objects.count() == before


def test_an_address_that_nobody_vouches_for(it):
    for verified in (False, None, "true", 1):
        client, answer = it.come(it.someone(), email_verified=verified)
        refused(it, answer, client, "email_unverified")
    silent = it.someone()
    it.there.person = {"sub": "sub-" + silent}
    client, answer = it.come(silent, email=None)
    refused(it, answer, client, "email_missing")


def test_who_left_stays_out_bound_or_not(it):
    bound, unbound = it.someone(), it.someone()
    inside, _ = it.come(bound)
    with it.cast.inside():
        for email in (bound, unbound):
            staff.remove(actor=it.cast.owner, now=clock.now(), user_id=User.objects.get(email=email).id)
    assert not is_in(inside)
    for email in (bound, unbound):
        client, answer = it.come(email)
        refused(it, answer, client, "nobody_here")
    assert it.told("staff.sign_in_refused")[-1].actor == it.person(unbound).actor.label


def test_another_account_of_the_provider_with_a_bound_address(it):
    email = it.someone()
    it.come(email)
    client, answer = it.come(email, sub="somebody-else")
    refused(it, answer, client, "bound_elsewhere")


def test_the_same_id_at_another_issuer_is_somebody_else(it):
    """Another issuer forgets who is who: an id of one provider says nothing at another."""
    email = it.someone()
    it.come(email)
    with it.cast.inside():
        signon.change(
            actor=it.cast.owner, now=clock.now(), issuer=it.there.issuer + "/other", client_id=openid.CLIENT, secret=None
        )  # fmt: skip
    assert it.person(email).provider_subject is None


def test_a_second_factor_of_ours_is_asked_for_all_the_same(it):
    from portal.accounts.tests.test_factor import set_up_app

    email = it.someone()
    client, _ = it.come(email)
    set_up_app(client)
    client, answer = it.come(email, amr=["pwd", "mfa"])
    assert answer["Location"] == "/console/sign-in/second-factor"
    assert not is_in(client)


@pytest.mark.parametrize(("claims", "counts"), [
    ({"amr": ["pwd", "mfa"]}, True), ({"acr": "phr"}, True), ({"amr": ["pwd"]}, False), ({"amr": "mfa"}, False),
    ({"acr": "0"}, False), ({}, False), ({"amr": [["mfa"]], "acr": ["phr"]}, False),
])  # fmt: skip
def test_the_providers_second_factor_counts_if_the_business_says_so(it, claims, counts):
    with it.cast.inside():
        staffpolicy.change(actor=it.cast.owner, now=clock.now(), second_factor=True)
    it.use("beside", trusts_factor=True)
    client, _ = it.come(it.someone(), **claims)
    assert is_in(client) == counts
    it.use("beside", trusts_factor=False)  # and no longer than it says so
    assert not is_in(client)


def test_alone_passwords_open_for_owners_only(it):
    email = it.someone()
    it.use("only")
    client = browser.visitor(it.cast)
    answer = client.post("/console/sign-in/", {"login": email, "password": it.cast.password})
    wrong = browser.visitor(it.cast).post("/console/sign-in/", {"login": email, "password": "not the right one"})
    assert answer.status_code == wrong.status_code == 422
    assert answer.context["form"].errors == wrong.context["form"].errors
    assert not is_in(client)
    assert it.told("staff.sign_in_refused")[-1].codes == {"by": "password", "why": "provider_only"}
    assert is_in(browser.staff(it.cast, "owner"))
    assert is_in(it.come(email)[0])


def test_switched_off_while_somebody_is_on_the_way(it):
    client, location = it.go()
    brought = it.there.vouch(location, sub="x", email=it.someone(), email_verified=True)
    it.use("off")
    refused(it, client.get(BACK, brought), client, "provider_off")
    client = browser.visitor(it.cast)
    refused(it, client.get(GO), client, "provider_off")


# ── the browser ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_an_answer_brought_twice(it):
    client, location = it.go()
    email = it.someone()
    brought = it.there.vouch(location, sub="sub-" + email, email=email, email_verified=True)
    assert client.get(BACK, brought).status_code == 302
    again = browser.visitor(it.cast)
    refused(it, again.get(BACK, brought), again, "state_unknown")
    client.post("/console/sign-out/")
    refused(it, client.get(BACK, brought), client, "state_unknown")


def test_of_two_at_once_one_is_heard(it):
    client, location = it.go()
    email = it.someone()
    brought = it.there.vouch(location, sub="sub-" + email, email=email, email_verified=True)
    cookies = client.cookies.output(header="", sep=";")

    def bring(_):
        try:
            one = browser.visitor(it.cast)
            one.cookies.load(cookies)
            return one.get(BACK, brought).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(bring, range(4))) == [302, 401, 401, 401]
    assert it.there.asked.count("/token") == 1


def test_an_answer_of_another_browser(it):
    """What somebody else was given, in a browser that began a sign-in of its own, and in one that began none."""
    _, location = it.go()
    email = it.someone()
    brought = it.there.vouch(location, sub="sub-" + email, email=email, email_verified=True)
    for client in (it.go()[0], browser.visitor(it.cast)):
        refused(it, client.get(BACK, brought), client, "state_unknown")


def test_a_code_of_another_browsers_sign_in(it):
    """The state is one's own, the code is not: PKCE holds it."""
    _, theirs = it.go()
    client, own = it.go()
    email = it.someone()
    code = it.there.vouch(theirs, sub="sub-" + email, email=email, email_verified=True)["code"]
    state = parse_qs(urlsplit(own).query)["state"][0]
    answer = client.get(BACK, {"code": code, "state": state, "iss": it.there.issuer})
    refused(it, answer, client, "code_refused")


def test_an_answer_at_another_business(it, globex):
    _, location = it.go()
    brought = it.there.vouch(location, sub="x", email=it.someone(), email_verified=True)
    other = browser.visitor(globex)
    assert other.get(BACK, brought).status_code == 401
    assert not is_in(other)


def test_one_that_waited_for_too_long(it):
    client, location = it.go()
    brought = it.there.vouch(location, sub="x", email=it.someone(), email_verified=True)
    it.at.advance(minutes=11)
    refused(it, client.get(BACK, brought), client, "state_unknown")


def test_another_site_cannot_begin_it(it):
    for site in ("cross-site", "same-site"):
        answer = browser.visitor(it.cast).get(GO, headers={"Sec-Fetch-Site": site})
        assert answer["Location"] == "/console/sign-in/"
    assert browser.visitor(it.cast).get(GO, headers={"Sec-Fetch-Site": "same-origin"})["Location"].startswith("https:")


def test_a_flood_is_shut_out_and_writes_a_handful(it):
    before = len(it.told("staff.sign_in_refused"))
    client = browser.visitor(it.cast)
    statuses = [client.get(BACK, {"state": "x", "code": "y"}).status_code for _ in range(attempt.FROM_ONE_ADDRESS + 5)]
    assert statuses.count(401) == attempt.FROM_ONE_ADDRESS
    assert statuses[-1] == client.get(GO).status_code == 429
    assert len(it.told("staff.sign_in_refused")) == before + attempt.FROM_ONE_ADDRESS


def test_who_comes_in_is_nothing_against_their_network(it):
    for _ in range(3):
        it.come(it.someone())
    with it.cast.inside():
        assert sorted(Attempt.objects.values_list("count", flat=True))[:1] == [0]


# ── before something dangerous ────────────────────────────────────────────────────────────────────────────────────────
def passwordless(it, role="owner"):
    email = it.someone(role, password="!unusable")
    client, _ = it.come(email)
    return email, client


def test_who_has_no_password_confirms_by_the_provider(it):
    email, client = passwordless(it)
    it.at.advance(minutes=20)
    asked = client.post("/console/settings/staff/policy", {"second_factor": ""})
    assert asked["Location"].startswith("/console/confirm/")
    page = client.get(asked["Location"]).content.decode()
    assert CONFIRM in page
    assert 'name="password"' not in page
    _, answer = it.come(email, client, CONFIRM + "?next=/console/settings/staff/")
    assert answer["Location"] == "/console/settings/staff/"
    assert client.post("/console/settings/staff/policy", {})["Location"] == "/console/settings/staff/"
    label = it.person(email).actor.label
    assert [one.codes for one in it.told("staff.confirmed") if one.actor == label] == [{"factor": "provider"}]


def test_it_has_to_ask_them_again_and_it_has_to_be_them(it):
    email, client = passwordless(it)
    it.at.advance(minutes=20)
    old = int(clock.now().timestamp()) - 600
    for why, claims in (
        ("not_asked_again", {"auth_time": old}), ("not_asked_again", {"auth_time": None}),
        ("another_person", {"sub": "somebody-else"}),
    ):  # fmt: skip
        _, location = it.go(client, CONFIRM)
        assert "max_age=0" in location
        brought = it.there.vouch(location, **{"sub": "sub-" + email, "email": email, "email_verified": True, **claims})
        assert client.get(BACK, brought).status_code == 401
        assert it.told("staff.sign_in_refused")[-1].codes["why"] == why
        assert client.post("/console/settings/staff/policy", {})["Location"].startswith("/console/confirm/")


def test_who_has_a_second_factor_gives_that(it):
    from portal.accounts.tests.test_factor import set_up_app

    _, client = passwordless(it)
    set_up_app(client)
    assert client.get(CONFIRM)["Location"].startswith("/console/confirm/?")


# ── the settings ──────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def owner(it):
    return browser.staff(it.cast, "owner")


def test_set_up_tried_and_switched_on_from_the_page(it, owner):
    with it.cast.inside():
        StaffPolicy.objects.all().delete()
    assert b"2. Try it" not in owner.get(PAGE).content
    given = {"issuer": it.there.issuer, "client_id": openid.CLIENT, "secret": openid.SECRET}
    assert owner.post(PAGE + "change", given)["Location"] == PAGE
    owner.post(PAGE + "use", {"use": "only"})
    assert browser.visitor(it.cast).get(GO).status_code == 401  # never tried, so not switched on
    _, answer = it.come("anybody@house.example", owner, PAGE + "try", amr=["mfa"])
    assert answer.status_code == 200
    assert b"It vouches for anybody@house.example" in answer.content
    assert it.told("staff.provider_tried")[-1].codes == {"why": "worked"}
    owner.post(PAGE + "use", {"use": "only"})
    assert b"Sign in with your organisation" in browser.visitor(it.cast).get("/console/sign-in/").content
    assert openid.SECRET.encode() not in owner.get(PAGE).content
    assert it.told("staff.provider_changed")[-1].codes["use"] == "only"


def test_a_try_says_what_is_wrong(it, owner):
    it.there.claims = {"aud": "another"}
    _, answer = it.come("anybody@house.example", owner, PAGE + "try")
    assert answer.status_code == 422
    assert oidc.WHY["wrong_audience"].encode() in answer.content
    assert it.told("staff.provider_tried")[-1].codes == {"why": "wrong_audience"}


def test_a_try_signs_nobody_in_or_out(it, owner):
    email = it.someone()
    _, answer = it.come(email, owner, PAGE + "try")
    assert answer.status_code == 200
    assert owner.get("/console/you/").context["person"].email == it.cast.emails["owner"]
    assert it.person(email).provider_subject is None


def test_another_client_is_off_until_it_was_tried(it, owner):
    owner.post(PAGE + "change", {"issuer": it.there.issuer, "client_id": "another", "secret": ""})
    with it.cast.inside():
        row = StaffPolicy.objects.get()
        assert (row.provider_use, row.provider_tried_at, row.client_secret) == ("off", None, openid.SECRET)


def test_another_secret_keeps_it_on(it, owner):
    owner.post(PAGE + "change", {"issuer": it.there.issuer, "client_id": openid.CLIENT, "secret": "renewed"})
    with it.cast.inside():
        row = StaffPolicy.objects.get()
        assert (row.provider_use, row.client_secret) == ("beside", "renewed")


def test_who_has_no_password_cannot_shut_the_last_way_in(it):
    _, client = passwordless(it)
    client.post(PAGE + "use", {"use": "only"})
    with it.cast.inside():
        assert StaffPolicy.objects.get().provider_use == "beside"


@pytest.mark.parametrize("issuer", [
    "http://login.example.com", "https://", "https://user:pass@login.example.com", "https://10.0.0.1", "https://localhost",
    "https://169.254.169.254", "https://login.example.com?x=1", "https://login.example.com#x", "https://[::1]", "x" * 300, "",
])  # fmt: skip
def test_issuers_that_are_none(it, owner, settings, issuer):
    settings.EBB_CALL_INSIDE = []
    answer = owner.post(PAGE + "change", {"issuer": issuer, "client_id": "x", "secret": ""})
    assert answer.status_code == 422
    assert "issuer" in answer.context["errors"]


def test_only_owners_change_it(it):
    for role in ("admin", "author", "officer"):
        client = browser.staff(it.cast, role)
        for act in ("change", "use"):
            assert client.post(PAGE + act, {"use": "off"}).status_code == 404
        assert client.get(PAGE + "try").status_code == 404


def test_the_secret_is_nowhere_in_plain(it):
    """Nor is it, or what the provider said of a person, in a session."""
    email = it.someone()
    it.come(email, sub="sub-of-nobody-else")
    with it.cast.inside(), connection.cursor() as cursor:
        cursor.execute("SELECT client_secret FROM accounts_staffpolicy")
        [(kept,)] = cursor.fetchall()
        cursor.execute("SELECT session_data FROM accounts_session")
        sessions = "".join(_opened(data) for (data,) in cursor.fetchall())
        cursor.execute("SELECT provider_subject FROM accounts_user WHERE email = %s", [email])
        [(subject,)] = cursor.fetchall()
    assert openid.SECRET.encode() not in bytes(kept)
    assert openid.SECRET not in sessions
    assert "sub-of-nobody-else" not in sessions
    assert len(bytes(subject)) == 16


def _opened(data):
    """What is signed, not sealed: anybody who has the row reads it."""
    import zlib

    raw = data.partition(":")[0]
    packed = base64.urlsafe_b64decode(raw.lstrip(".") + "==")
    return (zlib.decompress(packed) if raw.startswith(".") else packed).decode()


def test_every_reason_is_in_the_docs(settings):
    page = (settings.BASE_DIR / "docs" / "protocol.md").read_text(encoding="utf-8")
    assert [why for why, words in oidc.WHY.items() if f"| `{why}` | {words} |" not in page] == []
