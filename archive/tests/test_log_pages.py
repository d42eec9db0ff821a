"""The log's own page for staff, its page for everybody, and a new epoch opened from the screen."""

import pytest

from archive.flows import tree
from archive.models import Entry, Epoch
from archive.queries import log, promise
from portal.kernel import clock, keys
from portal.testing import browser
from portal.testing.cast import Cast


@pytest.fixture
def here(fresh) -> Cast:
    made = fresh()
    made.send(made.customer(), body="a secret word of the customer")
    with made.inside():
        tree.integrate(now=clock.now())
    return made


def restored(here: Cast) -> None:
    """As a restore marks a ring that came from a backup."""
    with here.inside():
        mark = promise.Restored(1, here.place.id, clock.now(), clock.now())
        assert keys.business().compare_and_swap(promise.RESTORED, None, mark.encode())


def test_everybody_sees_the_key_and_the_checkpoint_and_nothing_else(here):
    visitor = browser.visitor(here)
    page, text = visitor.get("/log"), visitor.get("/log/checkpoint")
    with here.inside():
        vkey, note = Epoch.objects.get().vkey, log.newest_note()
    assert page.status_code == text.status_code == 200
    assert vkey.replace("+", "+") in page.content.decode()
    assert text.content.decode() == note
    assert text["Content-Type"] == "text/plain; charset=utf-8"
    assert b"secret word" not in page.content
    assert visitor.post("/log").status_code in {403, 405}


def test_staff_see_how_it_stands_and_take_a_checkpoint_along(here):
    officer = browser.staff(here, "officer")
    page = officer.get("/console/archive/log/")
    assert b"The log signs." in page.content
    taken = officer.get("/console/archive/log/checkpoint")
    assert taken["Content-Disposition"].startswith("attachment")
    with here.inside():
        assert Entry.objects.filter(kind="checkpoint.sent").count() == 1
    assert browser.staff(here, "author").get("/console/archive/log/").status_code == 404


def test_an_officer_opens_a_new_epoch_from_the_screen(here):
    restored(here)
    officer, owner = browser.staff(here, "officer"), browser.staff(here, "owner")
    assert b"The log does not sign" in officer.get("/console/archive/log/").content
    assert b"see why, and what to do" in officer.get("/console/archive/").content
    assert b"Open a new epoch" not in owner.get("/console/archive/log/").content
    assert owner.post("/console/archive/log/epoch", {"understood": "1"}).status_code == 404
    unread = officer.post("/console/archive/log/epoch", {})
    assert unread.status_code == 422
    assert b"Tick that you have read" in unread.content
    foreign = officer.post(
        "/console/archive/log/epoch", {"understood": "1", "known": "ebb.log/x/1\n1\nAAAA\n\n— x AAAA\n"}
    )
    assert foreign.status_code == 422
    assert b"This is no checkpoint of this log" in foreign.content
    with here.inside():
        assert Epoch.objects.count() == 1, "a refused try opened something"
        known = log.newest_note()
    done = officer.post("/console/archive/log/epoch", {"understood": "1", "known": known.replace("\n", "\r\n")})
    assert done.status_code == 302, done.content
    with here.inside():
        assert Epoch.objects.count() == 2
        assert tree.integrate(now=clock.now()).is_new
    assert b"The log signs." in officer.get("/console/archive/log/").content
    assert b"Epoch 1: closed at" in browser.visitor(here).get("/log").content
    again = officer.post("/console/archive/log/epoch", {"understood": "1"})
    assert again.status_code in {409, 422}


def test_a_restored_log_is_not_signed(here):
    restored(here)
    here.send(here.customer())
    with here.inside(), pytest.raises(Exception, match="log_restored"):
        tree.integrate(now=clock.now())


def test_keepers_are_named_on_the_page(here):
    officer = browser.staff(here, "officer")
    assert officer.post("/console/archive/log/keepers", {"address": "nobody"}).status_code == 422
    assert officer.post("/console/archive/log/keepers", {"address": "lawyer@example.org"}).status_code == 302
    page = officer.get("/console/archive/log/")
    assert b"lawyer@example.org" in page.content


def test_the_account_is_drawn_empty_full_and_as_csv(here):
    officer = browser.staff(here, "officer")
    assert b"Nothing reckoned yet" in officer.get("/console/archive/account/").content
    assert officer.post("/console/archive/account/reckon").status_code == 302
    page = officer.get("/console/archive/account/")
    assert b"Everything adds up." in page.content
    csv = officer.get("/console/archive/account/?format=csv")
    assert csv.content.splitlines()[0].startswith(b"day,composed,pending")
    assert officer.get("/console/archive/account/?cursor=x").status_code == 422
    assert officer.get("/console/archive/account/?cursor=2031-01-01").status_code == 200
