"""Cases at their doors: a reviewer meets no words at any of them; lists as CSV; the API; collecting by words."""

import csv
import io
import re

import pytest

from archive.flows import case, caseitem, casesearch, search, supervision
from archive.models import Case, CaseItem, Entry
from archive.queries import cases
from portal.kernel import clock, roles
from portal.kernel.errors import Refusal
from portal.testing import browser
from portal.tests.test_routes import GUARDED, METHODS

MARK = "kqzvwords"


@pytest.fixture(scope="module")
def customer(acme):
    return acme.customer(name="Rita Record")


@pytest.fixture(scope="module")
def sent(acme, customer):
    return [acme.send(customer, body=f"{MARK} number {n}", subject=f"{MARK} subject") for n in range(3)]


@pytest.fixture(scope="module")
def matter(acme, customer, sent):
    with acme.inside():
        made = case.open_with(actor=acme.officer, now=clock.now(), name="Rita's matter", query=f"customer:{customer}")
        caseitem.note(actor=acme.officer, now=clock.now(), case_id=made, number=1, text=f"{MARK} note")
    return made


@pytest.fixture(scope="module")
def officer(acme):
    return browser.staff(acme, "officer")


@pytest.fixture(scope="module")
def unlocked(acme):
    client = browser.staff(acme, "officer")
    answer = client.post("/console/archive/unlock", {"passphrase": acme.passphrase, "reason": "test"})
    assert answer.status_code == 302, answer.content
    return client


@pytest.fixture(scope="module")
def reviewer(acme, unlocked):
    """With the officer's own half of the key in the jar, too."""
    client = browser.staff(acme, "reviewer")
    client.cookies["__Host-ebb-archive"] = unlocked.cookies["__Host-ebb-archive"].value
    return client


@pytest.fixture(scope="module")
def watched(acme):
    with acme.inside():
        return supervision.write(actor=acme.officer, now=clock.now(), name="Rule", lines=["guarantee"]).id


def size(cast) -> int:
    with cast.inside():
        return Entry.objects.count()


# ── no words for a reviewer ───────────────────────────────────────────────────────────────────────────────────────────
def test_an_officer_reads_the_words_where_the_archive_is_open(unlocked, officer, matter):
    """So that what a reviewer is not shown is there to be shown."""
    page = f"/console/archive/cases/{matter}/?at=1"
    shown = unlocked.get(page).content.decode()
    assert f"{MARK} number 0" in shown
    assert f"{MARK} note" in shown
    assert MARK not in officer.get(page).content.decode()


@pytest.mark.parametrize("route", GUARDED)
def test_a_reviewer_gets_words_by_no_door(acme, reviewer, matter, sent, customer, watched, route):
    with acme.inside():
        index = CaseItem.objects.get(case_id=matter, number=1).entry_index
    things = {
        "case_id": matter, "number": 1, "message_id": sent[0].id, "customer_id": customer, "index": index, "rule_id": watched,
    }  # fmt: skip
    path = "/" + re.sub(r"<\w+:(\w+)>", lambda found: str(things.get(found[1], matter)), route)
    for method in METHODS:
        answer = getattr(reviewer, method)(f"{path}?at=1" if method == "get" else path)
        told = b"".join(answer.streaming_content) if answer.streaming else answer.content
        assert answer.status_code < 500
        assert MARK.encode() not in told, (method, answer.status_code)


def test_a_reviewer_who_signs_in_finds_a_page_and_the_way_to_cases(reviewer):
    """Every page of the rail that is shown to them opens."""
    for page in ("", "messages/", "customers/", "archive/", "archive/cases/"):
        assert reviewer.get(f"/console/{page}").status_code == 200, page
    assert "/console/archive/cases/" in reviewer.get("/console/archive/").content.decode()


@pytest.mark.parametrize("role", sorted(set(roles.MATRIX) - {"officer", "owner", "reviewer"}))
def test_who_does_not_review_has_no_cases(acme, matter, role):
    client = browser.staff(acme, role)
    for path in ("", "new", f"{matter}/", f"{matter}/next", f"{matter}/1/decide"):
        assert client.post(f"/console/archive/cases/{path}").status_code == 404
        assert client.get(f"/console/archive/cases/{path}").status_code == 404


# ── the pages ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_forms_mistake_stands_beside_its_field_and_its_links_still_lead_somewhere(reviewer, matter):
    answer = reviewer.post(f"/console/archive/cases/{matter}/2/tag", {"tag": "Zoë!"})
    assert answer.status_code == 422
    words = answer.content.decode()
    assert "A tag is a short code" in words
    links = re.findall(r'href="([^"]*\?at=[^"]*)"', words)
    assert links
    assert {reviewer.get(link).status_code for link in links} == {200}


def test_the_list_of_a_case_as_csv(acme, reviewer, matter):
    with acme.inside():
        caseitem.tag(actor=acme.officer, now=clock.now(), case_id=matter, number=3, tag="late")
        caseitem.decide(actor=acme.officer, now=clock.now(), case_id=matter, number=3, decision="escalate")
    answer = reviewer.get(f"/console/archive/cases/{matter}/?format=csv&tag=late")
    (row,) = csv.DictReader(io.StringIO(answer.content.decode()))
    assert (row["number"], row["decision"], row["tags"], row["decided_by"]) == ("3", "escalate", "late", "Officer")


def test_a_page_of_a_case_costs_few_queries_however_long_it_is(reviewer, matter, django_assert_max_num_queries):
    reviewer.get(f"/console/archive/cases/{matter}/?at=1")
    with django_assert_max_num_queries(32):
        reviewer.get(f"/console/archive/cases/{matter}/?at=1")


# ── collecting by words ───────────────────────────────────────────────────────────────────────────────────────────────
def test_an_open_archive_collects_by_words_and_again_adds_nothing(acme, unlocked, officer, customer, sent):
    with acme.inside():
        made = case.open_(actor=acme.officer, now=clock.now(), name="By words")
    page, asked = f"/console/archive/cases/{made}/collect", {"query": f'customer:{customer} "{MARK} number"'}
    for _ in range(2):
        assert unlocked.post(page, asked).status_code == 302
        with acme.inside():
            assert CaseItem.objects.filter(case_id=made).count() == len(sent)
    locked = officer.post(page, asked)
    assert locked.status_code == 422
    assert "Words are sealed" in locked.content.decode()


def test_words_are_not_collected_by_who_cannot_open(acme, customer):
    with acme.inside():
        made = case.open_(actor=acme.owner, now=clock.now(), name="Owner's")
        with pytest.raises(Refusal) as caught:
            casesearch.collect(
                actor=acme.owner, now=clock.now(), case_id=made, query=MARK, browser=search.Browser("none", "half")
            )  # fmt: skip
        assert caught.value.code == "not_allowed"
        assert not CaseItem.objects.filter(case_id=made).exists()


# ── the API ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_program_opens_a_case_once_and_reads_how_far_it_is(acme, customer, sent):
    client = browser.program(acme, HTTP_IDEMPOTENCY_KEY="case-17")
    asked = {"name": "By program", "query": f"customer:{customer} direction:out"}
    first, again = (client.post("/api/v1/cases", asked, content_type="application/json") for _ in range(2))
    assert (first.status_code, again["Idempotent-Replayed"]) == (201, "true")
    made = first.json()
    assert (made["records"], made["decided"], made["left"], made["collecting"], made["state"]) == (
        3,
        0,
        3,
        False,
        "open",
    )
    listed = {one["id"]: one for one in browser.program(acme).get("/api/v1/cases?limit=200").json()["results"]}
    assert listed[made["id"]] == made
    assert listed[again.json()["id"]]["name"] == "By program"


def test_a_case_whose_query_is_refused_is_not_opened(acme):
    for asked, code in (
        ({"name": "No", "query": "refund"}, "collect_needs_key"), ({"name": "No", "query": "case:x"}, "query_invalid"),
        ({"name": " "}, "name_missing"), ({"name": "No", "colour": "red"}, "unknown_field"),
    ):  # fmt: skip
        answer = browser.program(acme).post("/api/v1/cases", asked, content_type="application/json")
        assert answer.json()["code"] == code
    with acme.inside():
        assert "No" not in {cases.name_of(one) for one in Case.objects.all()}


def test_another_businesss_case_is_not_listed(acme, globex, matter):
    listed = browser.program(globex).get("/api/v1/cases?limit=200").json()["results"]
    assert str(matter) not in {one["id"] for one in listed}
    before = size(acme)
    assert browser.staff(globex, "officer").get(f"/console/archive/cases/{matter}/").status_code == 404
    assert size(acme) == before
