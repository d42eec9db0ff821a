"""Signing in: by password through the page, counted before it is looked at, an entry each time."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core import signing
from django.db import connections
from django.test import RequestFactory

from archive.queries import entries
from portal.accounts import demo, known
from portal.accounts.flows import attempt, staff
from portal.accounts.models import Attempt
from portal.kernel import actors, clock, tenancy
from portal.kernel.errors import Refusal
from portal.testing import browser

WRONG = "not the right one at all"


def _count(cast, kind):
    with cast.inside():
        return len(entries.list_for(actors.SYSTEM, entries.Filter(kind=kind), limit=1000).results)


def _try(cast, email, password):
    return browser.visitor(cast).post("/console/sign-in/", {"login": email, "password": password})


def test_signing_in_and_out_are_entries(acme):
    before = _count(acme, "staff.signed_in"), _count(acme, "staff.signed_out")
    client = browser.staff(acme, "owner")
    assert client.get("/console/").status_code == 200
    assert client.post("/console/sign-out/").status_code == 302
    assert client.get("/console/")["Location"].startswith("/console/sign-in/")
    assert (_count(acme, "staff.signed_in"), _count(acme, "staff.signed_out")) == (before[0] + 1, before[1] + 1)


def test_a_get_signs_nobody_out(acme):
    client = browser.staff(acme, "owner")
    assert client.get("/console/sign-out/").status_code == 405
    assert client.get("/console/").status_code == 200


def test_wrong_passwords_are_entries_and_tell_nothing(fresh):
    cast = fresh()
    known, unknown = _try(cast, cast.emails["owner"], WRONG), _try(cast, "nobody@nowhere.example", WRONG)
    assert known.status_code == unknown.status_code == 422
    assert known.context["form"].errors == unknown.context["form"].errors
    assert _count(cast, "staff.sign_in_failed") == 2


def test_guessing_ends_after_ten(fresh):
    cast = fresh()
    for _ in range(attempt.AT_ONE_PERSON):
        _try(cast, cast.emails["owner"], WRONG)
    before = _count(cast, "staff.sign_in_failed")
    answer = _try(cast, cast.emails["owner"], cast.password)
    assert answer.status_code == 422
    assert b"oo many" in answer.content
    assert _count(cast, "staff.sign_in_failed") == before
    assert _try(cast, cast.emails["author"], cast.password).status_code == 302


def test_a_stranger_who_guesses_shuts_out_strangers_only(fresh):
    cast = fresh()
    email, known = cast.emails["owner"], browser.staff(cast, "owner")
    known.post("/console/sign-out/")
    for _ in range(attempt.AT_ONE_PERSON + 1):
        _try(cast, email, WRONG)
    assert _try(cast, email, cast.password).status_code == 422
    assert known.post("/console/sign-in/", {"login": email.upper(), "password": cast.password}).status_code == 302
    assert _try(cast, email, cast.password).status_code == 422, "who is known clears what strangers tried"


def test_a_known_browser_guesses_no_more_than_a_stranger_and_at_nobody_else(fresh):
    cast = fresh()
    client = browser.staff(cast, "author")
    client.post("/console/sign-out/")
    for email in (cast.emails["author"], cast.emails["owner"]):
        for _ in range(attempt.AT_ONE_PERSON):
            client.post("/console/sign-in/", {"login": email, "password": WRONG})
        assert client.post("/console/sign-in/", {"login": email, "password": cast.password}).status_code == 422
    assert _try(cast, cast.emails["author"], cast.password).status_code == 302, "the counts are apart"
    assert _try(cast, cast.emails["owner"], cast.password).status_code == 422


def test_two_people_at_one_browser_are_both_known_and_elsewhere_nobody(fresh):
    cast, other = fresh(), fresh()
    client = browser.staff(cast, "owner")
    client.post("/console/sign-out/")
    client.post("/console/sign-in/", {"login": cast.emails["author"], "password": cast.password})
    cookie = client.cookies[known.COOKIE]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"]) == (True, True, "Strict")
    assert not any(email in cookie.value for email in cast.emails.values())
    request = RequestFactory().get("/")
    request.COOKIES[known.COOKIE] = cookie.value
    with cast.inside():
        [browser_of] = {known.browser_of(request, cast.emails[role]) for role in ("owner", "author")}
        assert browser_of
        assert known.browser_of(request, cast.emails["officer"]) == ""
    with other.inside():
        assert known.browser_of(request, cast.emails["owner"]) == ""


def test_parallel_guesses_count_each(fresh):
    cast = fresh()

    def guess(number):
        try:
            with cast.inside():
                attempt.take(email="a@b.example", address=f"192.0.2.{number}", now=clock.now())
            return True
        except Refusal:
            return False
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(guess, range(40))) == attempt.AT_ONE_PERSON


def test_a_clinic_behind_one_address_comes_to_work_and_its_guesser_is_stopped(fresh):
    """Of IPv6 it is one network: each try comes from another address of it."""
    cast, there = fresh(), (f"2001:db8:0:7::{n:x}" for n in itertools.count(1))
    with cast.inside():
        for number in range(attempt.FROM_ONE_ADDRESS):
            attempt.take(email=f"wrong{number}@b.example", address=next(there), now=clock.now())
            if number % 2:  # each second one knows the password
                attempt.forgive(email=f"wrong{number}@b.example", address=next(there))
        for number in range(attempt.FROM_ONE_ADDRESS // 2):
            attempt.take(email=f"guessed{number}@b.example", address=next(there), now=clock.now())
        with pytest.raises(Refusal, match="too_many_tries"):
            attempt.take(email="one.more@b.example", address=next(there), now=clock.now())


def test_a_window_ends(fresh, at):
    cast = fresh()
    with cast.inside():
        for _ in range(attempt.AT_ONE_PERSON):
            attempt.take(email="a@b.example", address="192.0.2.1", now=clock.now())
        with pytest.raises(Refusal):
            attempt.take(email="a@b.example", address="192.0.2.1", now=clock.now())
        at.advance(seconds=attempt.WINDOW.total_seconds() + 1)
        attempt.take(email="a@b.example", address="192.0.2.1", now=clock.now())
        assert Attempt.objects.count() == 2


def test_somebody_who_left_is_signed_out_at_once(fresh):
    cast = fresh()
    client = browser.staff(cast, "author")
    with cast.inside():
        staff.remove(actor=cast.owner, now=clock.now(), user_id=cast.author.id)
    assert client.get("/console/").status_code == 302
    assert _try(cast, cast.emails["author"], cast.password).status_code == 422


def test_a_session_means_nothing_in_another_business(acme, globex):
    ours = browser.staff(acme, "owner")
    theirs = browser.visitor(globex)
    theirs.cookies = ours.cookies
    assert theirs.get("/console/").status_code == 302


def test_a_business_keeps_an_owner(fresh):
    cast = fresh()
    with cast.inside(), pytest.raises(Refusal, match="last_owner"):
        staff.change_role(actor=cast.owner, now=clock.now(), user_id=cast.owner.id, role="author")


def test_demo_links_work_in_a_demo_only(acme, globex, settings):
    with acme.inside():
        path = demo.path(acme.emails["officer"])
    client = browser.visitor(acme)
    assert client.get(path).status_code == 404
    settings.EBB_DEMO = True
    assert client.get(path).status_code == 200
    assert client.get("/console/").status_code == 302, "a GET signed somebody in"
    assert client.post(path).status_code == 302
    assert client.get("/console/").status_code == 200
    assert browser.visitor(globex).post(path).status_code == 404
    with globex.inside():
        forged = signing.dumps(str(acme.officer.id), salt=tenancy.salt(demo.SALT))
    assert browser.visitor(acme).post(f"/console/demo/{forged}").status_code == 404


def test_next_leads_to_no_other_host(acme):
    client = browser.visitor(acme)
    values = {"login": acme.emails["owner"], "password": acme.password, "next": "https://elsewhere.example/"}
    assert client.post("/console/sign-in/", values)["Location"] == "/console/"
