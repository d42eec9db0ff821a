"""Holds and disposal in the console: an officer places, looks, releases with a colleague, runs, reviews; errors stand beside."""

import pytest

from archive.flows import approval, hold
from archive.models import Approval, DisposalRun, Hold
from messaging.queries import desk
from portal.kernel import clock
from portal.testing import browser
from portal.web import names

HOLDS, DISPOSAL = "/console/archive/holds/", "/console/archive/disposal/"


@pytest.fixture
def office(fresh, team, monkeypatch):
    """A business nobody used, and its officer signed in."""
    monkeypatch.setattr(names, "identify_customer", desk.identify)
    made = fresh()
    with made.inside():
        team.join(made.officer, made.owner)
    return made, browser.staff(made, "officer")


def post(client, path, **values):
    return client.post(path, values, follow=True)


def test_a_hold_is_looked_at_placed_and_released_by_two(office):
    made, officer = office
    customer = made.customer(reference="K-1")
    made.send(customer, body="kept")
    assert b"Nothing is held" in officer.get(HOLDS).content
    form = {"name": "Kowalski", "reason": "A suit", "customer": "K-1", "query": "", "was": ""}
    looked = post(officer, f"{HOLDS}new", **form, step="look").content
    assert b'<strong class="num">1</strong> record now' in looked
    with made.inside():
        assert not Hold.objects.exists()
    page = post(officer, f"{HOLDS}new", **form).content
    assert b"Kowalski" in page
    with made.inside():
        row = Hold.objects.get()
        name = names.customers([customer])[customer]
    assert row.query == f"customer:{customer}"
    assert f"customer:&quot;{name}&quot;".encode() in page  # people read a name, the hold rests on the id
    assert str(customer).encode() not in page.split(b'aria-labelledby="what"')[1].split(b"<dt>Customer")[0]
    assert b"Kowalski" in officer.get(HOLDS).content
    asked = post(officer, f"{HOLDS}{row.id}/release", reason="settled").content
    assert b"waits for a second person" in asked
    with made.inside():
        approval.approve(actor=made.owner, now=clock.now(), approval_id=Approval.objects.get().id)
    assert b"It still holds, and ends soon" in officer.get(f"{HOLDS}{row.id}/").content
    assert b"The release is cancelled" in post(officer, f"{HOLDS}{row.id}/keep").content
    assert b"Kowalski" in officer.get(f"{HOLDS}?format=csv").content


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"reason": ""}, b"Say why these records must stay."),
        ({"name": ""}, b"Give the hold a name"),
        ({"query": "invoice"}, b"A hold cannot ask for words"),
        ({}, b"An empty query holds every record"),
        ({"query": "customer:nobody customer:no-one"}, b"At character 1: no customer has this reference"),
        ({"after": "2026-05-05", "until": "2026-01-01"}, b"This range ends before it begins.<"),
    ],
)
def test_what_is_missing_is_told_beside_its_field(office, changes, told):
    _, officer = office
    answer = officer.post(f"{HOLDS}new", {"name": "n", "reason": "r", "query": "", "was": "", **changes})
    assert answer.status_code == 422
    assert told in answer.content


def test_a_customer_nobody_is_is_told_beside_the_field_without_counting_characters(office):
    _, officer = office
    page = officer.post(f"{HOLDS}new", {"name": "n", "reason": "r", "query": "", "was": "", "customer": "Karim Keller"})
    told = page.content.decode().split('id="f-customer-about"')[1].split("</div>")[0]
    assert "No customer has this reference" in told
    assert 'value="Karim Keller"' in page.content.decode()


def test_a_hold_begins_from_what_was_found(office):
    """A link brings the id of a search, never its words; what was narrowed stays so."""
    made, officer = office
    customer = made.customer(reference="K-2")
    found = officer.post("/console/archive/search/", {"q": "customer:K-2", "reason": ""})["Location"]
    search = found.rstrip("/").rsplit("/", 1)[1]
    made.send(customer)
    page = officer.get(f"{found}?direction=out").content.decode()
    assert f"{HOLDS}new?direction=out&amp;search={search}" in page
    form = officer.get(f"{HOLDS}new?direction=out&search={search}").content.decode()
    assert 'value="customer:K-2 direction:out"' in form
    stranger = browser.staff(made, "owner")
    assert stranger.get(f"{HOLDS}new?search={search}").status_code == 404


def test_a_record_shows_its_holds_to_whoever_manages_them(office):
    made, officer = office
    sent = made.send(made.customer(), body="kept")
    with made.inside():
        hold.place(actor=made.officer, now=clock.now(), name="Matter 9", reason="r", query="", everything=True)
    path = f"/console/archive/{sent.index}/record"
    assert b"Held by" in officer.get(path).content
    assert b"Matter 9" in officer.get(path).content


def test_a_run_is_begun_watched_and_stopped(office):
    made, officer = office
    assert b"No run yet" in officer.get(DISPOSAL).content
    page = post(officer, f"{DISPOSAL}begin").content
    assert b"Counting" in page
    with made.inside():
        run_id = DisposalRun.objects.get().id
    assert b"Stopped" in post(officer, f"{DISPOSAL}runs/{run_id}/stop").content
    assert b"over already" in post(officer, f"{DISPOSAL}runs/{run_id}/stop").content
    assert str(run_id).encode() in officer.get(f"{DISPOSAL}runs/?format=csv").content


def test_limits_are_checked_beside_their_field(office):
    _, officer = office
    wrong = officer.post(f"{DISPOSAL}limits", {"ceiling_percent": "0", "ceiling_count": "5", "review_stages": "1"})
    assert (wrong.status_code, b"from 1 to 100" in wrong.content) == (422, True)
    done = post(officer, f"{DISPOSAL}limits", ceiling_percent="1", ceiling_count="5", review_stages="2")
    assert b"The next run goes by it" in done.content
    looser = {"ceiling_percent": "90", "ceiling_count": "5", "review_stages": "2"}
    bare = officer.post(f"{DISPOSAL}limits", looser)
    assert (bare.status_code, b"Say why" in bare.content, b'value="90"' in bare.content) == (422, True, True)
    asked = post(officer, f"{DISPOSAL}limits", **looser, limits_reason="Half of the archive is over")
    assert b"Asked for" in asked.content
    assert b"Let a disposal run take up to 90 %" in asked.content
    again = post(officer, f"{DISPOSAL}limits", **looser, limits_reason="Once more")
    assert b"asked for already" in again.content


def test_a_decision_on_a_page_that_was_changed_is_refused(office):
    _, officer = office
    page = post(officer, f"{DISPOSAL}review/decide", rule="default", month="2031-05", seen_at="x", decision="approve")
    assert b"Open it again" in page.content


def test_every_page_of_disposal_stands_empty(office):
    _, officer = office
    for path in (
        "",
        "runs/",
        "review/",
        "certificates/",
        "?format=csv",
        "review/?format=csv",
        "certificates/?format=csv",
    ):
        assert officer.get(DISPOSAL + path).status_code == 200


def test_another_businesss_hold_is_absent(office, acme):
    made, _ = office
    with made.inside():
        placed = hold.place(actor=made.officer, now=clock.now(), name="n", reason="r", query="", everything=True)
    assert browser.staff(acme, "officer").get(f"{HOLDS}{placed.id}/").status_code == 404
