"""Approvals, officers' keys and one more look at an ended record, through the console's own doors: T1, the archive case."""

import re

import pytest

from archive.flows import approval
from archive.models import Approval, Entry, OfficerKey, Viewing
from archive.rules import acts
from portal.accounts.flows import staff
from portal.kernel import clock, ids, roles
from portal.kernel.errors import Kind, Refusal
from portal.testing import browser

KIND = "test.act"
WORDS = "own words of this officer"


@pytest.fixture
def done():
    """An act that only remembers that it was carried out, or refuses."""
    happened = []

    def carry_out(*, actor, now, target_id, codes):
        if codes.get("refuses"):
            raise Refusal("hold_released", "It was released meanwhile.", Kind.CONFLICT)
        happened.append((actor.label, target_id))

    approval.register(
        KIND, approval.Act("hold.manage", "Release a hold", carry_out, lambda target, codes: "Hold <b>One</b>")
    )
    yield happened
    acts._acts.pop(KIND)


def asked(cast, by, **codes):
    with cast.inside():
        return approval.ask(
            actor=by, now=clock.now(), kind=KIND, target=ids.uuid7(), codes=codes, reason="because <i>settled</i>"
        )


def page(client, path="/console/archive/approvals/"):
    answer = client.get(path)
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def test_an_owner_approves_what_an_officer_asked_for(fresh, done):
    cast = fresh()
    officer, owner = browser.staff(cast, "officer"), browser.staff(cast, "owner")
    wanted = asked(cast, cast.officer)
    shown = page(owner)
    assert "Hold &lt;b&gt;One&lt;/b&gt;" in shown
    assert "because &lt;i&gt;settled&lt;/i&gt;" in shown
    assert f"/console/archive/approvals/{wanted.id}/approve" in shown
    assert 'class="count hot">1' in shown
    own = page(officer)
    assert f"{wanted.id}/approve" not in own
    assert f"{wanted.id}/withdraw" in own
    assert officer.post(f"/console/archive/approvals/{wanted.id}/approve").status_code == 403
    assert not done
    answer = owner.post(f"/console/archive/approvals/{wanted.id}/approve", follow=True)
    assert "Approved, and done." in answer.content.decode()
    assert [who for who, _ in done] == [cast.owner.label]
    assert str(wanted.id) in page(owner, "/console/archive/approvals/?format=csv")


def test_what_is_not_possible_any_more_is_said(fresh, done):
    cast = fresh()
    wanted = asked(cast, cast.officer, refuses=True)
    answer = browser.staff(cast, "owner").post(f"/console/archive/approvals/{wanted.id}/approve", follow=True)
    assert "It was released meanwhile." in answer.content.decode()
    assert "Not possible any more" in answer.content.decode()


def test_each_role_sees_what_concerns_it(fresh, done):
    cast = fresh()
    wanted = asked(cast, cast.officer)
    for role in sorted(roles.MATRIX):
        shown = page(browser.staff(cast, role))
        assert (str(wanted.id) in shown) == (role in {"owner", "officer"}), role


def test_a_key_is_given_taken_up_changed_and_taken_away(fresh):
    cast = fresh()
    with cast.inside():
        pk = staff.add(
            actor=cast.owner, now=clock.now(), email="second@example.org", name="Sam Second", role="officer",
            password=cast.password,
        )  # fmt: skip
    first, owner = browser.staff(cast, "officer"), browser.staff(cast, "owner")
    cast.emails["second"] = "second@example.org"
    second = browser.staff(cast, "second")
    assert "You have no key yet" in page(second, "/console/archive/keys/")
    give = f"/console/archive/keys/{pk}/give"
    locked = first.post(give)
    assert locked.status_code == 302
    assert "unlock" in locked["Location"]
    first.post("/console/archive/unlock", {"passphrase": cast.passphrase})
    shown = first.post(give).content.decode()
    (code,) = re.findall(r'id="given-code">([0-9A-Z-]{23})<', shown)
    assert code not in page(first, "/console/archive/keys/"), "shown once"
    assert "A key waits for you" in page(second, "/console/archive/keys/")
    form = "/console/archive/keys/take-up"
    for wrong, sentence in (
        ({"code": "0" * 20, "passphrase": WORDS, "again": WORDS}, "That is not the code"),
        ({"code": code, "passphrase": WORDS, "again": WORDS + "!"}, "The two are not the same"),
        ({"code": code, "passphrase": "short", "again": "short"}, "at least 12 characters"),
    ):
        answer = second.post(form, wrong)
        assert (answer.status_code, sentence in answer.content.decode()) == (422, True)
        assert WORDS not in answer.content.decode()
    assert second.post(form, {"code": code.lower(), "passphrase": WORDS, "again": WORDS}).status_code == 302
    sent = cast.send(cast.customer(), body="sealed words for two")
    assert second.post("/console/archive/unlock", {"passphrase": WORDS}).status_code == 302
    assert "sealed words for two" in page(second, f"/console/archive/{sent.index}/record")
    newer = WORDS + " two"
    change = second.post("/console/archive/keys/change", {"old": WORDS, "passphrase": newer, "again": newer})
    assert change.status_code == 302
    assert "sealed words for two" not in page(second, f"/console/archive/{sent.index}/record"), "locked by the change"
    second.post("/console/archive/unlock", {"passphrase": newer})
    assert second.post(f"/console/archive/keys/{cast.officer.id}/remove").status_code == 404
    assert owner.post(f"/console/archive/keys/{pk}/remove").status_code == 302
    assert "sealed words for two" not in page(second, f"/console/archive/{sent.index}/record")
    assert "generation 2" in page(owner, "/console/archive/keys/")
    with cast.inside():
        assert OfficerKey.objects.count() == 1


def test_the_recovery_key_gives_a_forgetful_officer_a_key(fresh):
    cast = fresh()
    sent = cast.send(cast.customer(), body="kept through it")
    officer = browser.staff(cast, "officer")
    form = "/console/archive/keys/recover"
    wrong = officer.post(form, {"recovery_key": "lost", "passphrase": WORDS, "again": WORDS})
    assert wrong.status_code == 422
    right = officer.post(form, {"recovery_key": cast.recovery_text, "passphrase": WORDS, "again": WORDS})
    assert right.status_code == 302
    assert officer.post("/console/archive/unlock", {"passphrase": cast.passphrase}).status_code == 422
    officer.post("/console/archive/unlock", {"passphrase": WORDS})
    assert "kept through it" in page(officer, f"/console/archive/{sent.index}/record")


def test_an_author_sees_an_ended_message_once(fresh, at):
    cast = fresh()
    author, officer = browser.staff(cast, "author"), browser.staff(cast, "officer")
    sent = cast.send(cast.customer(), body="what did we promise", answers=("so it was",), gone_after=60)
    path = f"/console/messages/{sent.id}/"
    assert "Ask to see it once more" not in page(author, path)
    alive = author.post(f"{path}ask", {"reason": "a complaint"}, follow=True)
    assert "This message still lives." in alive.content.decode()
    at.advance(minutes=2)
    assert "Ask to see it once more" in page(author, path)
    author.post(f"{path}ask", {"reason": "the customer complains"})
    assert "You asked to see it" in page(author, path)
    with cast.inside():
        wanted = Viewing.objects.get()
    show, grant = (f"/console/archive/viewings/{wanted.id}/{verb}" for verb in ("show", "grant"))
    assert author.post(show).status_code == 404
    assert officer.post(grant).status_code == 403, "the archive is locked"
    officer.post("/console/archive/unlock", {"passphrase": cast.passphrase})
    assert "the customer complains" in page(officer)
    assert officer.post(grant).status_code == 302
    assert "See it once" in page(author, path)
    assert "what did we promise" not in page(author, path)
    assert author.get(show).status_code == 405, "a GET never reveals"
    shown = author.post(show).content.decode()
    assert "what did we promise" in shown
    assert "“so it was”" in shown
    assert author.post(show).status_code == 404
    with cast.inside():
        kinds = list(Entry.objects.filter(kind__startswith="record.").order_by("index").values_list("kind", flat=True))
        assert kinds == ["record.asked", "record.granted", "record.shown"]
        assert not Viewing.objects.exists()


def test_a_business_of_one_cools_off_and_may_take_it_back(fresh, done, at):
    cast = fresh()
    with cast.inside():
        staff.remove(actor=cast.owner, now=clock.now(), user_id=cast.officer.id)
    owner = browser.staff(cast, "owner")
    first, second = asked(cast, cast.owner), asked(cast, cast.owner)
    assert (first.state, second.state) == ("cooling", "cooling")
    assert "happens by itself" in page(owner)
    assert owner.post(f"/console/archive/approvals/{second.id}/withdraw").status_code == 302
    at.advance(hours=72)
    with cast.inside():
        approval.sweep(now=clock.now())
        assert sorted(Approval.objects.values_list("state", flat=True)) == ["done", "withdrawn"]
    assert len(done) == 1
