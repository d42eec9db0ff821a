"""Views of lists: kept under a name, for oneself alone, and never more than the list's own filters."""

import re

import pytest

from archive.models import AskedSearch
from archive.queries import asked
from messaging.pages.console import saved
from portal.kernel import ids
from portal.testing import browser

LATE = {"q": "Xylander", "state": "scheduled", "cursor": "abc", "name": "Late ones"}


def keep(client, of="messages", **given):
    return client.post(f"/console/views/{of}/keep", {**LATE, **given})


def kept(cast, actor, of="messages"):
    with cast.inside():
        return {one.name: one.query for one in asked.list_views_for(actor, of)}


@pytest.fixture
def clean(acme):
    with acme.inside():
        AskedSearch.objects.exclude(of="").delete()


def test_a_view_is_kept_and_opened_again(acme, owner, clean):
    answer = keep(owner)
    assert (answer.status_code, answer["Location"]) == (302, "/console/messages/?q=Xylander&state=scheduled")
    page = owner.get(answer["Location"]).content.decode()
    assert re.search(r'href="\?q=Xylander&amp;state=scheduled" aria-current="true">Late ones<', page)
    assert "Keep this view" not in page
    assert "Late ones" in owner.get("/console/messages/").content.decode()
    assert "Keep this view" in owner.get("/console/messages/?category=billing").content.decode()
    assert "Keep this view" not in owner.get("/console/messages/").content.decode()


@pytest.mark.parametrize("of", sorted(saved.LISTS))
def test_every_list_has_views(acme, owner, clean, of):
    name = saved.LISTS[of][1][0]
    assert keep(owner, of, **{name: "Xylander"}).status_code == 302
    assert (
        'aria-current="true">Late ones<'
        in owner.get(f"/console/{of}/?{kept(acme, acme.owner, of)['Late ones']}").content.decode()
    )


def test_the_same_name_takes_the_place(acme, owner, clean):
    keep(owner)
    keep(owner, name="late  ONES", state="recalled")
    assert kept(acme, acme.owner) == {"late ONES": "q=Xylander&state=recalled"}


def test_nobody_else_sees_or_takes_it(acme, globex, owner, author, clean):
    keep(owner)
    with acme.inside():
        view = AskedSearch.objects.get(of="messages").id
    gone = f"/console/views/messages/{view}/delete"
    assert "Late ones" not in author.get("/console/messages/").content.decode()
    for stranger in (author, browser.staff(globex, "owner")):
        assert stranger.post(gone).status_code == 404
    assert owner.post(f"/console/views/customers/{view}/delete").status_code == 404
    assert kept(acme, acme.owner)
    assert owner.post(gone).status_code == 302
    assert kept(acme, acme.owner) == {}
    assert owner.post(gone).status_code == 404


def test_a_list_that_is_not_theirs_keeps_nothing(acme, clean):
    reviewer = browser.staff(acme, "reviewer")
    assert keep(reviewer, "devices").status_code == 404
    assert keep(reviewer, "nowhere").status_code == 404
    with acme.inside():
        assert not AskedSearch.objects.filter(of__in=["devices", "nowhere"]).exists()


@pytest.mark.parametrize(("name", "says"), [(" ", "Give it a name"), ("x" * 61, "at most 60")])
def test_a_view_has_a_name(acme, owner, clean, name, says):
    page = owner.get(keep(owner, name=name)["Location"]).content.decode()
    assert says in page
    assert kept(acme, acme.owner) == {}


def test_there_is_an_end_to_them(acme, owner, clean, monkeypatch):
    monkeypatch.setattr(asked, "MOST_KEPT", 2)
    for name in ("one", "two", "three", "two"):
        keep(owner, name=name)
    assert sorted(kept(acme, acme.owner)) == ["one", "two"]


def test_a_view_is_no_search_of_the_archive(acme, clean):
    """They share a table and nothing else: the archive lists no view, and opens none by its id."""
    officer = browser.staff(acme, "officer")
    keep(officer)
    with acme.inside():
        view = AskedSearch.objects.get(of="messages").id
        assert view not in {one.id for one in asked.list_kept_for(acme.officer)}
    assert officer.get(f"/console/archive/search/{view}/").status_code == 404
    assert officer.post(f"/console/archive/search/{view}/delete").status_code == 404
    assert officer.get(f"/console/archive/search/{ids.uuid4()}/").status_code == 404


def test_no_row_holds_its_words(acme, owner, clean):
    keep(owner)
    with acme.inside():
        row = bytes(AskedSearch.objects.get(of="messages").sealed)
    assert not any(word in row for word in (b"Xylander", b"Late"))
