"""Search: finds all that was said and nothing else, and is never silent (I9)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from archive.flows import indexkey, reading, search, searchindex, subject, unlock, wordindex
from archive.models import Entry, IndexKey, Record, SearchDay, SearchRow
from archive.queries import found as finding
from archive.tests.conftest import PASSPHRASE, Home, keep, snapshot
from portal.kernel import actors, clock, ids, keys, unit
from portal.kernel.errors import Refusal


def opened(home: Home) -> search.Browser:
    half = unlock.open_(actor=home.officer, now=clock.now(), passphrase=PASSPHRASE, session_key="s").half
    return search.Browser("s", half)


def ask(home: Home, query: str, browser: search.Browser | None = None, **changes: Any) -> search.Results:
    given = {"actor": home.officer, "now": clock.now(), "reason": "Complaint 7", **changes}
    return search.search(query=query, browser=browser, **given)


def say(*bodies: str, **changes: Any) -> list[int]:
    return [draft.index for draft in keep(*[snapshot(body, **changes) for body in bodies])]


def indexes(results: search.Results) -> list[int]:
    return sorted(one.hit.index for one in results.shown)


def take_all() -> None:
    while searchindex.take_in().is_behind:
        pass


@pytest.fixture(params=["taken in", "sent this instant"])
def when(request: pytest.FixtureRequest) -> Callable[[], None]:
    """Every promise of words holds before and after the clock took the records in."""
    return take_all if request.param == "taken in" else lambda: None


def test_a_word_finds_every_record_that_says_it(home: Home, when: Callable[[], None]) -> None:
    first, second, _ = say("The invoice is late", "Your INVOICES, please", "Nothing of the kind")
    when()
    assert indexes(ask(home, "invoice", opened(home))) == [first, second]


def test_what_was_offered_as_an_answer_is_found_like_the_body(home: Home, when: Callable[[], None]) -> None:
    [offered] = say("", content={"subject": "Hello", "body": "Can you come?", "answers": ["Yes, on Tuesday", "No"]})
    say("Yes, I come.")
    when()
    assert indexes(ask(home, "tuesdays", opened(home))) == [offered]
    assert indexes(ask(home, '"on tuesday"', opened(home))) == [offered]


def test_some_taken_in_and_some_not(home: Home) -> None:
    first = say("invoice one")
    take_all()
    second = say("invoice two")
    assert indexes(ask(home, "invoice", opened(home))) == [*first, *second]


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("Your appointments were moved", "appointment"), ("Ihre Häuser und Termine", "haus"), ("Los niños cantaban", "niño"),
        ("Nous avons généralement reçu", "général"), ("De vriendelijkheid van mensen", "vriendelijk"),
    ],
)  # fmt: skip
def test_another_form_of_a_word_finds_it_in_each_shipped_language(home: Home, said: str, asked: str) -> None:
    (index,) = say(said)
    take_all()
    assert indexes(ask(home, asked, opened(home))) == [index]


def test_all_words_narrow_and_a_minus_leaves_out(home: Home, when: Callable[[], None]) -> None:
    both, only, _ = say("invoice overdue", "invoice paid", "overdue book")
    when()
    browser = opened(home)
    assert indexes(ask(home, "invoice overdue", browser)) == [both]
    assert indexes(ask(home, "invoice -overdue", browser)) == [only]


def test_a_minus_before_a_word_of_parts_denies_them_together(home: Home) -> None:
    _, only = say("send an e-mail", "send a mail")
    assert indexes(ask(home, "send -e-mail", opened(home))) == [only]


def test_a_phrase_stands_in_its_order(home: Home, when: Callable[[], None]) -> None:
    exact, other = say("This is the Final   notice.", "notice the final word")
    when()
    browser = opened(home)
    found = ask(home, '"final notice"', browser)
    assert (indexes(found), found.checked) == ([exact], 2)
    assert indexes(ask(home, '-"final notice" notice', browser)) == [other]
    assert indexes(ask(home, '-"final notice"', browser)) == [other]


def test_a_phrase_is_no_part_of_longer_words(home: Home) -> None:
    say("pin voice")
    assert indexes(ask(home, '"in voice"', opened(home))) == []


def test_a_page_of_phrases_that_stops_says_so_and_goes_on(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_OPENED", 2)
    (exact,) = say("red green")
    say("green red", "green, then red", "green or red")
    browser, cursor, found = opened(home), "", []
    for _ in range(2):
        page = ask(home, '"red green"', browser, cursor=cursor)
        found += indexes(page)
        cursor = page.next
    assert (found, cursor, page.checked) == ([exact], "", 2)
    first = ask(home, '"red green"', browser)
    assert first.is_cut
    assert first.next


def test_past_months_are_found_after_their_key_is_sealed(home: Home, fake: clock.Fake) -> None:
    (may,) = say("the quarterly invoice")
    take_all()
    fake.advance(days=40)
    (june,) = say("another invoice")
    assert indexkey.seal_past(now=clock.now())
    wordindex.forget()
    found = ask(home, "invoices", opened(home))
    assert (indexes(found), found.unsearched) == ([may, june], [])


@pytest.mark.parametrize("size", [1, 2, 5, 20])
@pytest.mark.parametrize(
    "query",
    ["invoice", "invoice -paid", "invoice after:2031-07-01", "invoice after:0026-01-01", "invoice before:2031-09-15"],
)
def test_pages_of_a_word_go_back_through_the_months_in_order(
    home: Home, fake: clock.Fake, monkeypatch: pytest.MonkeyPatch, query: str, size: int
) -> None:
    """Past what is walked. Records written over the end of a month stand in the days of one and under the words of the next."""
    monkeypatch.setattr("archive.queries.found.PROBES", (1,))
    for month in range(7):
        say(f"invoice {month}", f"invoice {month} paid")
        following = (clock.now().replace(day=1, hour=10) + timedelta(days=32)).replace(day=1)
        fake.advance(seconds=(following - timedelta(hours=14) - clock.now()).total_seconds())
        say(f"an invoice {month} in the evening of the last day")
        fake.advance(hours=14)
        for hours in (20, 21, 22, 23):
            say(f"an invoice {month} of the day before", sent_at=clock.now() - timedelta(hours=hours))
        if month == 5:
            take_all()
    browser, cursor, found = opened(home), "", []
    whole = ask(home, query, browser, size=100)
    monkeypatch.setattr("archive.queries.found.PROBES", (1, 10_000))
    assert [one.hit for one in whole.shown] == [one.hit for one in ask(home, query, browser, size=100).shown]
    monkeypatch.setattr("archive.queries.found.PROBES", (1,))
    for _ in range(60):
        page = ask(home, query, browser, cursor=cursor, size=size)
        found += [one.hit for one in page.shown]
        cursor = page.next
        if not cursor:
            break
    assert found == [one.hit for one in whole.shown]
    assert len(found) >= 7


def test_a_month_whose_key_is_gone_is_named(home: Home, fake: clock.Fake) -> None:
    say("the quarterly invoice")
    fake.advance(days=40)
    say("another invoice")
    indexkey.seal_past(now=clock.now())
    IndexKey.objects.update(envelope=None)
    assert ask(home, "invoice", opened(home)).unsearched == ["2031-05"]


def test_words_and_metadata_narrow_together(home: Home, when: Callable[[], None]) -> None:
    (mine,) = say("invoice", category="billing")
    say("invoice", category="service")
    when()
    assert indexes(ask(home, "invoice category:billing", opened(home))) == [mine]


def test_common_words_take_the_other_way_and_find_the_same(
    home: Home, monkeypatch: pytest.MonkeyPatch, when: Callable[[], None]
) -> None:
    said = say(*[f"invoice {n}" for n in range(30)])
    when()
    for name in ("BOUND", "RARE", "RARE_FOR_FIGURES", "MOST_COUNTED"):
        monkeypatch.setattr(f"archive.queries.found.{name}", 5)
    browser = opened(home)
    assert indexes(ask(home, "invoice", browser)) == said
    figures = search.count(actor=home.officer, now=clock.now(), query="invoice", browser=browser)
    assert (figures.total, figures.is_exact) in {
        (5, False),
        (30, True),
    }  # what is not taken in yet is counted one by one


@pytest.mark.parametrize("query", ["invoice", "invoice -paid", "invoice category:billing", "invoice after:2031-05-05"])
def test_figures_of_words_are_exact_beyond_what_is_walked(
    home: Home, monkeypatch: pytest.MonkeyPatch, when: Callable[[], None], query: str
) -> None:
    """The index of words knows day, kind, direction and category itself: nothing is counted in the records."""
    monkeypatch.setattr("archive.queries.found.BOUND", 2)
    say(*["invoice due"] * 4, category="billing")
    say(*["invoice paid"] * 3)
    when()
    browser = opened(home)
    figures = search.count(actor=home.officer, now=clock.now(), query=query, browser=browser)
    assert (figures.total, figures.is_exact) == (len(ask(home, query, browser).shown), True)


def test_pages_follow_one_another_without_gap_or_double(home: Home, when: Callable[[], None]) -> None:
    said = say(*[f"invoice {n}" for n in range(23)])  # all at one instant: the id decides
    when()
    browser, cursor, found = opened(home), "", []
    while True:
        page = ask(home, "invoice", browser, cursor=cursor, size=5)
        found += [one.hit.index for one in page.shown]
        cursor = page.next
        if not cursor:
            break
    assert sorted(found) == said


def test_pages_of_what_is_rare_look_through_its_days_alone(
    home: Home, fake: clock.Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page after page over days that were counted, one that was half shown, and what was not taken in yet: as a walk finds them."""
    said = []
    for number in range(4):
        say(*["common"] * 3)
        said += say(*["rare"] * (number + 1), category="billing")
        fake.advance(days=2)
    take_all()
    said += say("rare", "rare", category="billing")
    pages = _pages(home, "category:billing")
    assert [len(one) for one in pages] == [4, 4, 4]
    assert sorted(index for one in pages for index in one) == said
    monkeypatch.setattr(finding, "_of_rare", lambda *_: None)
    assert _pages(home, "category:billing") == pages


def _pages(home: Home, query: str, size: int = 4) -> list[list[int]]:
    page = ask(home, query, size=size)
    found = [[one.hit.index for one in page.shown]]
    while page.next:
        page = ask(home, query, cursor=page.next, size=size)
        found.append([one.hit.index for one in page.shown])
    return found


def test_what_is_rare_is_found_although_its_days_were_counted_too_high(home: Home) -> None:
    """Disposal may come between the count and the look: the page is looked for again, and none is lost."""
    said = say(*["rare"] * 3, category="billing")
    take_all()
    SearchDay.objects.filter(category="billing").update(count=40)
    assert indexes(ask(home, "category:billing", size=5)) == said


def test_a_late_record_of_an_old_day_does_not_stand_in_for_what_was_disposed_of(home: Home) -> None:
    """The newest day lost two since it was counted, and an older day is not looked through: a page filled by what was not taken
    in yet, from before both, would go past that day."""
    start = clock.now()
    say(*["a"] * 6, category="billing", sent_at=start + timedelta(days=5))
    say(*["b"] * 10, category="billing", sent_at=start + timedelta(days=3))
    take_all()
    say("c", "c", category="billing", sent_at=start + timedelta(days=1))
    gone = Record.objects.order_by("-sent_at").values_list("message_id", flat=True)[:2]
    Record.objects.filter(message_id__in=list(gone)).delete()
    assert sum(len(page) for page in _pages(home, "category:billing", size=5)) == 16


def test_a_made_up_cursor_is_refused(home: Home) -> None:
    for cursor in ("x", "bnVsbA", "WzEsMl0", "🙂"):
        with pytest.raises(Refusal) as caught:
            ask(home, "kind:message.sent", cursor=cursor)
        assert caught.value.code == "bad_cursor"


# ── who, and in which silence ─────────────────────────────────────────────────────────────────────────────────────────
def test_words_need_an_unlocked_archive(home: Home) -> None:
    with pytest.raises(Refusal) as caught:
        ask(home, "invoice")
    assert caught.value.code == "archive_locked"
    with pytest.raises(Refusal) as caught:
        ask(home, "invoice", search.Browser("s", "no half"))
    assert caught.value.code == "archive_locked"


def test_words_need_a_reason_and_metadata_does_not(home: Home) -> None:
    browser = opened(home)
    with pytest.raises(Refusal) as caught:
        ask(home, "invoice", browser, reason=" ")
    assert caught.value.code == "reason_missing"
    assert ask(home, "kind:message.sent", reason="").shown == []


@pytest.mark.parametrize("role", ["author", "nobody"])
def test_a_stranger_finds_nothing(home: Home, role: str) -> None:
    with pytest.raises(Refusal) as caught:
        ask(home, "", actor=actors.staff(ids.uuid7(), role))
    assert caught.value.code == "not_allowed"


def test_a_reviewer_searches_by_metadata_and_never_by_words(home: Home) -> None:
    say("invoice")
    reviewer = actors.staff(ids.uuid7(), "reviewer")
    assert len(ask(home, "kind:message.*", actor=reviewer).shown) == 1
    with pytest.raises(Refusal):
        ask(home, "invoice", opened(home), actor=reviewer)
    with pytest.raises(Refusal):
        ask(home, "", opened(home), actor=reviewer, with_text=True)


def test_another_business_sees_nothing(found: Callable[..., Home]) -> None:
    acme, globex = found("acme"), found("globex")
    with acme.scope():
        say("invoice of acme")
        take_all()
    with globex.scope():
        say("invoice of globex")
        take_all()
        assert len(ask(globex, "invoice", opened(globex)).shown) == 1
        assert search.count(actor=globex.officer, now=clock.now(), query="").total == 1


def test_every_search_is_an_entry_with_query_and_reason_sealed(home: Home) -> None:
    say("xylophone")
    browser = opened(home)
    ask(home, "xylophone", browser)
    entry = Entry.objects.get(kind="archive.searched")
    assert b"xylophone" not in bytes(entry.leaf) + bytes(entry.detail)
    told = reading.open_record(
        actor=home.officer, now=clock.now(), index=entry.index, session_key="s", half=browser.half
    )
    assert told.detail == {"query": "xylophone", "reason": "Complaint 7"}


def test_a_search_that_cannot_be_told_finds_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*drafts: object) -> None:
        raise RuntimeError("no ledger")

    monkeypatch.setattr(unit, "_writer", fail)
    monkeypatch.setattr("archive.queries.found.page", lambda *args, **kwargs: pytest.fail("looked before it told"))
    with pytest.raises(RuntimeError):
        ask(home, "")


def test_text_is_shown_around_the_word_and_its_reading_is_an_entry(home: Home) -> None:
    say("long ago " * 40 + "the invoices came " + "and went " * 40)
    (shown,) = ask(home, "invoice", opened(home), with_text=True).shown
    assert "the invoices came" in shown.text
    assert len(shown.text) < 250
    assert Entry.objects.filter(kind="archive.opened").count() == 1


def test_without_text_nothing_is_opened(home: Home) -> None:
    say("invoice")
    (shown,) = ask(home, "invoice", opened(home)).shown
    assert (shown.subject, shown.text) == ("", "")
    assert not Entry.objects.filter(kind="archive.opened").exists()


# ── erasure, disposal, counts ─────────────────────────────────────────────────────────────────────────────────────────
def test_an_erased_customer_is_not_found_by_words(home: Home, when: Callable[[], None]) -> None:
    customer = ids.uuid7()
    say("invoice", customer_id=customer)
    when()
    with unit.work():
        subject.cut(customer_id=customer, now=clock.now())
    take_all()
    assert indexes(ask(home, "invoice", opened(home))) == []
    assert [row.words for row in SearchRow.objects.all()] == [[]]
    assert len(ask(home, "kind:message.sent").shown) == 1


def test_what_is_deleted_is_counted_back(home: Home) -> None:
    say(*[f"invoice {n}" for n in range(6)])
    take_all()
    going: list[UUID] = list(Record.objects.values_list("message_id", flat=True)[:2])
    with unit.work():
        searchindex.forget(going)
        Record.objects.filter(message_id__in=going).delete()
    assert SearchDay.objects.get().count == 4
    assert search.count(actor=home.officer, now=clock.now(), query="").total == 4


def test_twice_takes_in_once(home: Home) -> None:
    say("one", "two")
    take_all()
    take_all()
    assert (SearchRow.objects.count(), SearchDay.objects.get().count) == (2, 2)


def test_half_way_failure_takes_in_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    say("one", "two")
    monkeypatch.setattr(searchindex, "_COUNT", "SELECT 1 / 0 WHERE %s < %s")
    with pytest.raises(Exception, match="division"):
        searchindex.take_in()
    monkeypatch.undo()
    take_all()
    assert SearchDay.objects.get().count == 2


@pytest.mark.parametrize(
    "query", ["", "kind:message.sent", "-category:billing", "after:2031-05-06", "-after:2031-05-06 direction:out"]
)
def test_figures_from_counts_equal_figures_from_records(home: Home, fake: clock.Fake, query: str) -> None:
    say(*["a"] * 3, category="billing")
    fake.advance(days=1)
    say(*["b"] * 4)
    take_all()
    say(*["c"] * 2)  # not taken in yet
    now = clock.now()
    figures = search.count(actor=home.officer, now=now, query=query)
    shown = [one.hit for one in ask(home, query).shown]
    assert (figures.total, figures.is_exact) == (len(shown), True)
    assert dict(figures.facets["category"]) == {
        name: count for name in ("billing", "service") if (count := sum(hit.category == name for hit in shown))
    }
    assert sum(number for _, number in figures.days) == len(shown)


def test_the_index_holds_no_word(home: Home) -> None:
    say("xylophone")
    take_all()
    assert keys.business().names("index/")
    assert all(isinstance(one, int) for row in SearchRow.objects.all() for one in row.words)
