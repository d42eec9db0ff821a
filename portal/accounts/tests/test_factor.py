"""Second factors: set up, used once, counted when wrong, asked for by the business, asked for again before dangerous acts."""

import base64
import hashlib
import re
import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections

from archive.ledger import entry
from archive.queries import entries
from portal.accounts.flows import attempt, factor, staff, staffpolicy
from portal.accounts.models import Factor, User
from portal.accounts.pages import passkeys
from portal.accounts.rules import codes
from portal.kernel import actors, clock
from portal.kernel.errors import Refusal
from portal.testing import browser
from portal.testing.authenticator import Authenticator
from portal.testing.cast import build

WRONG = "000000"
SIGN_IN, SECOND, YOU = "/console/sign-in/", "/console/sign-in/second-factor", "/console/you/"


@pytest.fixture(scope="module")
def cast(house):
    """A business of this module; each test has a person of its own in it."""
    return build(f"factors-{secrets.token_hex(3)}", "Factor House")


@pytest.fixture
def who(cast, at):
    """A new author of the cast, by the name that `browser.staff` knows them by."""
    return newcomer(cast, "author")


def newcomer(cast, role):
    name = f"{role}-{secrets.token_hex(4)}"
    cast.emails[name] = f"{name}@house.example"
    with cast.inside():
        staff.add(
            actor=cast.owner,
            now=clock.now(),
            email=cast.emails[name],
            name="New Comer",
            role=role,
            password=cast.password,
        )
    return name


def actor_of(cast, who):
    with cast.inside():
        return User.objects.get(email=cast.emails[who]).actor


def factor_of(cast, who):
    with cast.inside():
        return Factor.objects.filter(user__email=cast.emails[who]).values_list("id", flat=True).first()


def told(cast, who, kind):
    """The codes of what this person did, oldest first."""
    label = actor_of(cast, who).label
    with cast.inside():
        found = entries.list_for(actors.SYSTEM, entries.Filter(kind=kind), limit=1000).results
        return [entry.decode(one.leaf).codes for one in found if one.actor == label]


def set_up_app(client):
    """→ its secret and the recovery codes, as a person reads them off the pages."""
    offered = client.post("/console/you/app")
    text = re.search(r"type the key: <code>([^<]+)", offered.content.decode())[1]
    secret = base64.b32decode(text.replace(" ", ""))
    done = client.post("/console/you/app", {"code": codes.code_at(secret, clock.now().timestamp())})
    assert done.status_code == 200
    return secret, re.search(r'id="recovery-codes">([^<]+)', done.content.decode())[1].split()


def halfway(cast, role):
    """Signed in by the password alone."""
    client = browser.visitor(cast)
    answer = client.post(SIGN_IN, {"login": cast.emails[role], "password": cast.password})
    assert answer["Location"] == SECOND
    return client


def is_in(client):
    return client.get("/console/").status_code == 200


@pytest.fixture
def person(cast, at, who):
    """An author with an app: its secret, their recovery codes. The clock stands in a period after its code's."""
    secret, recovery = set_up_app(browser.staff(cast, who))
    at.advance(seconds=2 * codes.PERIOD)
    return secret, recovery


def code_now(secret):
    return codes.code_at(secret, clock.now().timestamp())


def test_a_password_alone_does_not_sign_in_any_more(person, cast, who):
    secret, _ = person
    client = halfway(cast, who)
    assert not is_in(client)
    assert client.post(SECOND, {"code": code_now(secret)})["Location"] == "/console/"
    assert is_in(client)
    assert told(cast, who, "staff.signed_in")[-1] == {"by": "password", "factor": "app"}
    assert browser.staff(cast, "officer").get("/console/").status_code == 200, "others sign in as before"


def test_a_code_opens_once(person, cast, who):
    secret, _ = person
    code = code_now(secret)
    assert halfway(cast, who).post(SECOND, {"code": code}).status_code == 302
    second = halfway(cast, who)
    assert second.post(SECOND, {"code": code}).status_code == 422
    assert not is_in(second)
    assert told(cast, who, "staff.proof_failed") == [{"factor": "code"}]


def test_a_code_is_good_for_a_clock_that_is_a_little_off(person, cast, who, at):
    secret, _ = person
    now = clock.now().timestamp()
    for off, is_good in ((-2, False), (2, False), (-1, True), (1, True)):
        code = codes.code_at(secret, now + off * codes.PERIOD)
        assert (halfway(cast, who).post(SECOND, {"code": code}).status_code == 302) is is_good, off


def test_a_recovery_code_opens_once_and_new_ones_replace_the_old(person, cast, who):
    _, recovery = person
    assert len(set(recovery)) == codes.RECOVERY_CODES
    client = halfway(cast, who)
    assert client.post(SECOND, {"code": recovery[0].lower()}).status_code == 302
    assert halfway(cast, who).post(SECOND, {"code": recovery[0]}).status_code == 422
    assert client.post("/console/you/codes").status_code == 200
    assert halfway(cast, who).post(SECOND, {"code": recovery[1]}).status_code == 422
    again = client.get(YOU).content.decode()
    assert "10 of 10 recovery codes left" in again
    assert "recovery-codes" not in again, "shown once"


def test_one_recovery_code_in_ten_hands_opens_once(person, cast, who):
    _, recovery = person
    actor = actor_of(cast, who)

    def use(_):
        try:
            with cast.inside():
                return bool(factor.use_code(actor=actor, now=clock.now(), code=recovery[3]))
        except Refusal:
            return False
        finally:
            connections.close_all()

    with ThreadPoolExecutor(5) as pool:
        assert sum(pool.map(use, range(10))) == 1


def test_ten_wrong_codes_at_once_count_as_ten(person, cast, who, at):
    """And end with the window; the right code is refused meanwhile, and a passkey is not: nobody guesses one."""
    secret, _ = person
    clients = [halfway(cast, who) for _ in range(attempt.AT_ONE_PERSON)]

    def guess(client):
        try:
            return client.post(SECOND, {"code": WRONG}).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(5) as pool:
        assert set(pool.map(guess, clients)) == {422}
    assert len(told(cast, who, "staff.proof_failed")) == attempt.AT_ONE_PERSON
    client = halfway(cast, who)
    assert client.post(SECOND, {"code": code_now(secret)}).status_code == 429
    assert not is_in(client)
    at.advance(seconds=attempt.WINDOW.total_seconds() + 1)
    client = halfway(cast, who)
    assert client.post(SECOND, {"code": code_now(secret)}).status_code == 302


def test_a_sign_in_that_was_begun_with_an_older_password_goes_no_further(person, cast, who):
    secret, _ = person
    client = halfway(cast, who)
    with cast.inside():
        user_id = actor_of(cast, who).id
        staff.set_password(actor=cast.owner, now=clock.now(), user_id=user_id, password="another horse battery")
    client.post(SECOND, {"code": code_now(secret)})
    assert not is_in(client)


def test_who_does_not_know_the_password_shuts_nobody_out_of_the_second_step(person, cast, who):
    secret, _ = person
    stranger = browser.visitor(cast)
    for _ in range(attempt.AT_ONE_PERSON + 1):
        assert stranger.post(SECOND, {"code": WRONG})["Location"] == "/console/"
    assert halfway(cast, who).post(SECOND, {"code": code_now(secret)}).status_code == 302


def test_the_last_factor_takes_the_recovery_codes_with_it(person, cast, who):
    secret, _ = person
    client = halfway(cast, who)
    client.post(SECOND, {"code": code_now(secret)})
    own = factor_of(cast, who)
    colleague = browser.staff(cast, "officer")
    assert colleague.post(f"/console/you/factors/{own}/remove").status_code == 404
    assert client.post(f"/console/you/factors/{own}/remove").status_code == 302
    assert not factor_of(cast, who)
    assert is_in(browser.staff(cast, who))
    assert told(cast, who, "staff.factor_removed")[-1]["factor"] == "app"


def test_nothing_of_a_factor_or_an_address_is_at_rest_in_plain(person, cast, who):
    secret, recovery = person
    client = halfway(cast, who)
    client.post(SECOND, {"code": code_now(secret)})
    with cast.inside(), connection.cursor() as cursor:
        for table in ("accounts_factor", "accounts_session", "accounts_attempt"):
            cursor.execute(f"SELECT t::text FROM {table} t")
            kept = " ".join(row[0] for row in cursor.fetchall())
            assert kept or table == "accounts_attempt"
            for word in (secret.hex(), base64.b32encode(secret).decode(), recovery[1], "127.0.0.1", b"127.0.0.1".hex()):
                assert word not in kept, table


# ── the business asks for one ─────────────────────────────────────────────────────────────────────────────────────
def test_who_has_none_sets_one_up_before_anything_else(fresh):
    cast, who = fresh(), "author"
    client = browser.staff(cast, who)
    with cast.inside():
        staffpolicy.change(actor=cast.owner, now=clock.now(), second_factor=True)
    for path in ("/console/", "/console/messages/", "/console/compose/"):
        assert client.get(path)["Location"] == YOU, "a session that stood open, too"
    assert client.post("/console/you/codes")["Location"] == YOU
    assert b"asks for a second factor" in client.get(YOU).content
    set_up_app(client)
    assert is_in(client)
    own = factor_of(cast, who)
    client.post(f"/console/you/factors/{own}/remove")
    assert factor_of(cast, who), "the last one stays while it is asked for"


def test_a_session_of_the_password_alone_gives_its_second_factor_when_it_is_asked_for(fresh, at):
    cast, who = fresh(), "author"
    secret, _ = set_up_app(browser.staff(cast, who))
    at.advance(seconds=2 * codes.PERIOD)
    client = halfway(cast, who)
    client.post(SECOND, {"code": code_now(secret)})
    with cast.inside():
        session = client.session
        del session["second_factor"]  # as one from before the app was set up
        session.save()
        staffpolicy.change(actor=cast.owner, now=clock.now(), second_factor=True)
    assert client.get("/console/messages/")["Location"] == "/console/confirm/?next=%2Fconsole%2Fmessages%2F"


def test_a_factor_that_was_removed_counts_for_nothing(fresh):
    cast, who = fresh(), "author"
    client = browser.staff(cast, who)
    set_up_app(client)
    assert client.post(f"/console/you/factors/{factor_of(cast, who)}/remove").status_code == 302
    with cast.inside():
        staffpolicy.change(actor=cast.owner, now=clock.now(), second_factor=True)
    assert client.get("/console/messages/")["Location"] == YOU


def test_only_owners_change_what_is_asked(cast):
    with cast.inside(), pytest.raises(Refusal, match="not_allowed"):
        staffpolicy.change(actor=cast.author, now=clock.now(), second_factor=False)


# ── once more, before something dangerous ─────────────────────────────────────────────────────────────────────────
def test_a_dangerous_act_wants_a_password_or_factor_of_the_last_quarter_of_an_hour(cast, who, at):
    client = browser.staff(cast, who)
    at.advance(seconds=16 * 60)
    asked = client.post("/console/you/app", headers={"Referer": f"http://{cast.host}/console/you/"})
    assert asked["Location"] == "/console/confirm/?next=%2Fconsole%2Fyou%2F"
    assert not factor_of(cast, who)
    assert client.post(asked["Location"], {"password": "wrong it is", "next": YOU}).status_code == 422
    assert told(cast, who, "staff.proof_failed") == [{"factor": "password"}]
    assert client.post("/console/you/app")["Location"].startswith("/console/confirm/")
    assert client.post(asked["Location"], {"password": cast.password, "next": YOU})["Location"] == YOU
    assert client.post("/console/you/app").status_code == 200
    assert told(cast, who, "staff.confirmed") == [{"factor": "password"}]


def test_who_has_a_second_factor_confirms_with_it_and_not_with_the_password(person, cast, who, at):
    secret, _ = person
    client = halfway(cast, who)
    client.post(SECOND, {"code": code_now(secret)})
    at.advance(seconds=16 * 60)
    assert client.post("/console/confirm/", {"password": cast.password}).status_code == 422
    assert client.post("/console/confirm/", {"code": code_now(secret)}).status_code == 302
    assert told(cast, who, "staff.confirmed") == [{"factor": "app"}]


def test_the_first_factor_ends_sessions_that_saw_a_password_alone(cast, who):
    here, there, colleague = browser.staff(cast, who), browser.staff(cast, who), browser.staff(cast, "officer")
    set_up_app(here)
    assert [is_in(one) for one in (here, there, colleague)] == [True, False, True]


def test_a_password_from_before_there_was_a_factor_is_not_fresh(cast, who):
    client = browser.staff(cast, who)
    set_up_app(client)
    with cast.inside():
        session = client.session
        del session["second_factor"]
        session.save()
    assert client.post("/console/you/passkey")["Location"].startswith("/console/confirm/")
    assert client.post("/console/you/codes")["Location"].startswith("/console/confirm/")


@pytest.mark.parametrize(
    "next_",
    ["https://elsewhere.example/", "//elsewhere.example", "/console/\\..", "/inbox/", "/console/confirm/?next=x"],
)
def test_confirming_leads_to_the_console_only(cast, who, next_):
    client = browser.staff(cast, who)
    answer = client.post("/console/confirm/", {"password": cast.password, "next": next_})
    assert answer["Location"] == "/console/"


# ── passkeys ──────────────────────────────────────────────────────────────────────────────────────────────────────
def challenge_of(answer):
    return re.search(r'data-challenge="([^"]+)"', answer.content.decode())[1]


def key_of(cast):
    made = Authenticator(cast.host.split(":")[0])
    made.origin = f"http://{cast.host}"
    made.id = secrets.token_bytes(16)
    return made


@pytest.fixture
def keyed(cast, at, who):
    client, authenticator = browser.staff(cast, who), key_of(cast)
    made = authenticator.make(challenge_of(client.get(YOU)))
    answer = client.post("/console/you/passkey", {**made, "name": "the blue one"})
    assert answer.status_code == 200
    assert b"recovery-codes" in answer.content
    at.advance(seconds=1)
    return authenticator, client


def answered(authenticator, challenge, **changed):
    credential = base64.urlsafe_b64encode(authenticator.id).decode().rstrip("=")
    return {**authenticator.use(challenge, **changed), "credential": credential}


def test_a_passkey_signs_in_and_an_answer_serves_once(keyed, cast, who):
    authenticator, client = keyed
    assert b"the blue one" in client.get(YOU).content
    first, second = halfway(cast, who), halfway(cast, who)
    given = answered(authenticator, challenge_of(first.get(SECOND)))
    assert first.post(SECOND, given).status_code == 302
    assert is_in(first)
    assert second.post(SECOND, given).status_code == 422
    assert not is_in(second)
    assert told(cast, who, "staff.signed_in")[-1]["factor"] == "passkey"
    assert told(cast, who, "staff.proof_failed") == [{"factor": "passkey"}]


def test_a_passkey_without_a_counter_serves_once_a_challenge_too(keyed, cast, who, at):
    authenticator, _ = keyed
    with cast.inside():
        Factor.objects.filter(user__email=cast.emails[who]).update(uses=0)
    authenticator.data = lambda flags, more=b"": (
        hashlib.sha256(authenticator.rp_id.encode()).digest() + bytes([flags, 0, 0, 0, 0]) + more
    )
    first, second = halfway(cast, who), halfway(cast, who)
    given = answered(authenticator, challenge_of(first.get(SECOND)))
    assert first.post(SECOND, given).status_code == 302
    assert second.post(SECOND, given).status_code == 422


@pytest.mark.parametrize(
    "wrong", ["challenge", "origin", "kind", "unverified", "business", "late", "person", "purpose"]
)
def test_a_passkey_that_does_not_hold_signs_nobody_in(keyed, cast, who, at, globex, wrong):
    authenticator, client = keyed
    waiting = halfway(cast, who)
    challenge, changed = challenge_of(waiting.get(SECOND)), {}
    if wrong == "challenge":
        challenge = challenge[:-2] + "AA"
    if wrong == "origin":
        authenticator.origin = "http://elsewhere.example"
    if wrong == "kind":
        changed = {"kind": "webauthn.create"}
    if wrong == "unverified":
        authenticator.flags = 0x01
    if wrong == "business":
        authenticator.rp_id = globex.host.split(":")[0]
    if wrong == "late":
        at.advance(seconds=901)
    if wrong == "person":
        challenge = challenge_of(browser.staff(cast, "officer").get(YOU))
    if wrong == "purpose":
        challenge = challenge_of(client.get(YOU))
    answer = waiting.post(SECOND, answered(authenticator, challenge, **changed))
    assert answer.status_code in {302, 422}  # late: the half-done sign-in may be over as well
    assert not is_in(waiting)


def test_a_colleagues_passkey_opens_nothing(keyed, cast, who, at):
    """Even if it signed a challenge that was made for the one it is tried on."""
    authenticator, _ = keyed
    other = newcomer(cast, "author")
    set_up_app(browser.staff(cast, other))
    waiting = halfway(cast, other)
    assert "data-challenge" not in waiting.get(SECOND).content.decode(), "who has no passkey is not asked for one"
    with cast.inside():
        asked = passkeys.challenge(actor_of(cast, other), passkeys.USE)
    assert waiting.post(SECOND, answered(authenticator, asked)).status_code == 422
    assert not is_in(waiting)


def test_an_unreadable_answer_is_a_wrong_one(keyed, cast, who):
    client = halfway(cast, who)
    for junk in ({"signature": "é"}, {"signature": "a", "challenge": "!"}, {"signature": "", "credential": "\x00"}):
        assert client.post(SECOND, junk).status_code == 422
    assert browser.staff(cast, "owner").post("/console/you/passkey", {"challenge": "x"}).status_code == 302


# ── where one is signed in ────────────────────────────────────────────────────────────────────────────────────────
def test_sessions_are_listed_and_ended(cast, who, at):
    here, there, third = (browser.staff(cast, who) for _ in range(3))
    stranger = browser.staff(cast, "officer")
    page = here.get(YOU, headers={"User-Agent": "Mozilla/5.0"}).content.decode()
    named = re.findall(r"/console/you/sessions/([0-9a-f]{32})/end", page)
    assert len(named) == 2
    assert "127.0.0.1" in page
    assert there.session.session_key not in page, "the key would be the session itself"
    assert stranger.post(f"/console/you/sessions/{named[0]}/end").status_code == 404
    assert here.post(f"/console/you/sessions/{named[0]}/end").status_code == 302
    assert sorted([is_in(there), is_in(third)]) == [False, True]
    assert here.post("/console/you/sessions/end-others").status_code == 302
    assert [is_in(one) for one in (here, there, third, stranger)] == [True, False, False, True]
    assert told(cast, who, "staff.sessions_ended") == [{"sessions": 1}, {"sessions": 1}]


def test_last_use_is_noted_once_a_minute_and_keeps_what_stands_beside_it(cast, who, at):
    client = browser.staff(cast, who)
    client.get("/console/")
    at.advance(seconds=61)
    client.get("/console/")
    with cast.inside():
        row = client.session.model.objects.get(session_key=client.session.session_key)
        assert row.used_at == clock.now()
        assert row.user_id is not None
        assert bytes(row.sealed_address)


def test_another_password_signs_out_everywhere_else(cast, who):
    here, there = browser.staff(cast, who), browser.staff(cast, who)
    assert here.post("/console/you/password", {"password": "short"}).status_code == 422
    assert here.post("/console/you/password", {"password": "a better horse battery"}).status_code == 302
    assert is_in(here)
    assert not is_in(there)
