"""Searches that are remembered: sealed, one's own, and gone after a day unless they are kept."""

from uuid import UUID

import pytest

from archive.flows import asked
from archive.models import AskedSearch
from archive.queries import asked as queries
from archive.tests.conftest import Home
from portal.kernel import actors, clock, ids
from portal.kernel.errors import Refusal


def ask(home: Home, query: str = "xylophone", **changes: object) -> UUID:
    given = {"actor": home.officer, "now": clock.now(), "reason": "Complaint 7", **changes}
    return asked.ask(query=query, **given)  # type: ignore[arg-type]


def test_no_row_holds_the_words(home: Home) -> None:
    found = ask(home)
    asked.keep(actor=home.officer, now=clock.now(), search_id=found, name="quagmire")
    row = bytes(AskedSearch.objects.get().sealed)
    assert not any(word in row for word in (b"xylophone", b"quagmire", b"Complaint"))
    (kept,) = queries.list_kept_for(home.officer)
    assert (kept.name, kept.query, kept.reason) == ("quagmire", "xylophone", "Complaint 7")


def test_nobody_elses_search_is_there(home: Home) -> None:
    found = ask(home)
    colleague = actors.staff(ids.uuid7(), "officer")
    acts = [
        lambda: queries.get_asked_for(colleague, found),
        lambda: asked.keep(actor=colleague, now=clock.now(), search_id=found, name="mine"),
        lambda: asked.delete(actor=colleague, now=clock.now(), search_id=found),
    ]
    for act in acts:
        with pytest.raises(Refusal) as caught:
            act()
        assert caught.value.code == "not_found"
    assert queries.list_all_for(colleague) == ([], [])


def test_what_is_not_kept_goes_after_a_day(home: Home, fake: clock.Fake) -> None:
    kept, lost = ask(home), ask(home)
    asked.keep(actor=home.officer, now=clock.now(), search_id=kept, name="Monthly")
    fake.advance(hours=25)
    assert asked.sweep(now=clock.now()) == 1
    assert queries.get_asked_for(home.officer, kept).name == "Monthly"
    with pytest.raises(Refusal):
        queries.get_asked_for(home.officer, lost)


@pytest.mark.parametrize(("name", "code"), [(" ", "name_missing"), ("x" * 61, "name_too_long")])
def test_a_kept_search_has_a_name(home: Home, name: str, code: str) -> None:
    found = ask(home)
    with pytest.raises(Refusal) as caught:
        asked.keep(actor=home.officer, now=clock.now(), search_id=found, name=name)
    assert caught.value.code == code


def test_deleted_is_gone_and_twice_is_told(home: Home) -> None:
    found = ask(home)
    asked.delete(actor=home.officer, now=clock.now(), search_id=found)
    assert not AskedSearch.objects.exists()
    with pytest.raises(Refusal):
        asked.delete(actor=home.officer, now=clock.now(), search_id=found)


def test_an_author_asks_nothing(home: Home) -> None:
    with pytest.raises(Refusal) as caught:
        ask(home, actor=actors.staff(ids.uuid7(), "author"))
    assert caught.value.code == "not_allowed"


def test_a_query_that_cannot_be_read_is_not_remembered(home: Home) -> None:
    with pytest.raises(Refusal):
        ask(home, '"never closed')
    assert not AskedSearch.objects.exists()
