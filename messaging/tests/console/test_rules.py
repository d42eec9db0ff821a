"""Retention in the console, as an officer meets it; and the pure parts that the pages draw by."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from archive.flows import approval, ruleapply
from archive.models import Approval, Entry, Record, Rule
from archive.pages import ruleview
from archive.rules import endings, overlaps, retention
from archive.rules.terms import Terms
from portal.kernel import clock
from portal.testing import browser
from portal.testing.cast import Cast

URL = "/console/archive/rules/"


@pytest.fixture(scope="module")
def firm(fresh_for_module: Cast) -> Cast:
    return fresh_for_module


@pytest.fixture(scope="module")
def fresh_for_module(house: None) -> Cast:
    from portal.kernel import ids
    from portal.testing import cast

    return cast.build(f"rules-{ids.uuid4().hex[:6]}", "Rules Ltd")


def form(**changes: str) -> dict[str, str]:
    given = {
        "name": "Letters",
        "number": "30",
        "unit": "D",
        "from": "sent",
        "action": "dispose",
        "kind": "message.sent",
    }
    return {**given, **changes}


def written(desk: Any, firm: Cast, **changes: str) -> str:
    answer = desk.post(URL + "new", form(**changes))
    assert answer.status_code == 302, answer.content
    return str(answer["Location"])


def test_an_officer_writes_simulates_and_puts_a_rule_in_force(firm: Cast) -> None:
    firm.send(firm.customer(), gone_after=60)
    desk = browser.staff(firm, "officer")
    page = written(desk, firm)
    assert b"Simulate it first" in desk.get(page).content
    told = desk.post(page + "simulate").content.decode()
    assert "<rect" in told
    assert "Records it covers" in told
    assert desk.post(page + "activate", {"retroactive": "0"}).status_code == 302
    shown = desk.get(URL).content.decode()
    assert "Sent messages" in shown
    assert "30 days after it was sent" in shown
    assert "rule-" in desk.get(URL + "?format=csv").content.decode()
    with firm.inside():
        assert Record.objects.get().rule == "default"


def test_retroactive_needs_a_reason_then_a_colleague(firm: Cast) -> None:
    firm.send(firm.customer(), gone_after=60)
    desk = browser.staff(firm, "officer")
    page = written(desk, firm, name="Shorter", number="2")
    desk.post(page + "simulate")
    refused = desk.post(page + "activate", {"retroactive": "1"})
    assert (refused.status_code, b"Say why" in refused.content) == (422, True)
    assert b'value="1" checked' in refused.content, "what was chosen stays chosen"
    desk.post(page + "activate", {"retroactive": "1", "reason": "we keep too much"})
    waits = desk.get(page).content
    assert b"You asked for a change" in waits
    assert b"waits for a second person" in waits
    assert b"Put in force</button>" not in waits, "it is asked for already"
    assert b"Officer asked for a change" in browser.staff(firm, "owner").get(page).content
    with firm.inside():
        asked = Approval.objects.get(state="open")
        approval.approve(actor=firm.owner, now=clock.now(), approval_id=asked.id)
        ruleapply.apply_due(now=clock.now())
        assert Entry.objects.filter(kind="rule.applied").exists()
    assert b"got another end" in desk.get(page).content


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "Give the rule a name"),
        ({"number": "0"}, "at least a day"),
        ({"number": "-3"}, "A duration looks like"),
        ({"unit": "Y", "number": "2000"}, "A duration looks like|at most a thousand years"),
        ({"from": "field"}, "A rule counts from"),
        ({"category": "nothing"}, "no such category"),
        ({"action": ""}, "The action is"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(firm: Cast, changes: dict, words: str) -> None:
    answer = browser.staff(firm, "officer").post(URL + "new", form(**changes))
    assert answer.status_code == 422
    assert re.search(words, answer.content.decode())


def test_a_lock_takes_the_name_and_then_nobody_undoes_it(firm: Cast) -> None:
    desk = browser.staff(firm, "officer")
    page = written(desk, firm, name="Kept for good", number="6", unit="Y")
    desk.post(page + "simulate")
    desk.post(page + "activate", {"retroactive": "0", "reason": "law"})
    assert desk.post(page + "lock", {"confirm": "kept"}).status_code == 422
    assert desk.post(page + "lock", {"confirm": "Kept for good"}).status_code == 302
    locked = desk.get(page).content.decode()
    assert "Locked" in locked
    assert "Retire it" not in locked
    owner = browser.staff(firm, "owner")
    assert b"This rule is locked" in owner.post(page + "retire", {"reason": "x"}).content
    rule = page.rstrip("/").rpartition("/")[2]
    weaker = owner.post(URL + "new", form(name="Weaker", number="5", unit="Y", follows=rule))
    assert b"This rule is locked" in weaker.content
    with firm.inside():
        assert Rule.objects.get(id=rule).state == "active"


def test_a_draft_is_changed_and_thrown_away(firm: Cast) -> None:
    desk = browser.staff(firm, "officer")
    page = written(desk, firm, name="Draft", number="18", unit="M")
    assert b'value="18"' in desk.get(page + "edit").content
    assert desk.post(page + "edit", form(name="Renamed")).status_code == 302
    assert b"Renamed" in desk.get(page).content
    assert desk.post(page + "retire").status_code == 302
    assert b"Thrown away" in desk.get(page).content


@pytest.mark.parametrize("role", ["author", "reviewer"])
def test_a_stranger_finds_no_such_page(firm: Cast, role: str) -> None:
    assert browser.staff(firm, role).get(URL).status_code == 404


def test_another_business_finds_no_such_rule(firm: Cast, globex: Cast) -> None:
    with firm.inside():
        rule = Rule.objects.first()
    assert browser.staff(globex, "officer").get(f"{URL}{rule.id}/").status_code == 404


def test_the_page_stays_within_its_queries(firm: Cast, django_assert_max_num_queries: Callable[[int], Any]) -> None:
    desk = browser.staff(firm, "officer")
    desk.get(URL)
    with django_assert_max_num_queries(12):
        desk.get(URL)


# ── what the pages draw by ────────────────────────────────────────────────────────────────────────────────────────────
def rule(code: str, keep: str, **said: Any) -> Terms:
    return Terms(code=code, keep=retention.parse(keep), keep_for=keep, **said)


def test_of_two_rules_that_meet_the_one_that_never_ends_earlier_wins() -> None:
    six, one = rule("six", "P6Y"), rule("one", "P1Y", category="visits")
    closed, other = rule("closed", "P90D", event="conversation.closed"), rule("other", "P1Y", category="offers")
    found = {(pair.one.code, pair.other.code): pair.wins for pair in overlaps.find([six, one, closed, other])}
    assert found[("six", "one")] == six
    assert found[("one", "closed")] is None
    assert ("one", "other") not in found


def test_a_default_meets_others_only_once_it_is_locked() -> None:
    one = rule("one", "P1Y", category="visits")
    assert overlaps.find([one, rule("default", "P7Y", is_default=True)]) == []
    assert len(overlaps.find([one, rule("default", "P7Y", is_default=True, is_locked=True)])) == 1


@pytest.mark.parametrize(
    ("months", "labels"),
    [
        ({}, []),
        ({"keep": [1, 1, 1]}, ["not known"]),
        ({"2031-05": [1, 0, 0]}, [f"{2031 + (m > 12)}-{(m - 1) % 12 + 1:02}" for m in range(5, 17)]),
        ({"2031-05": [1, 0, 0], "2038-05": [0, 1, 1], "keep": [0, 0, 2]}, [*map(str, range(2031, 2039)), "not known"]),
        ({"2031-05": [1, 0, 0], "9999-12": [0, 1, 1]}, ["2031", "9999"]),
    ],
)
def test_ends_are_drawn_by_month_or_year_and_none_is_lost(months: dict, labels: list[str]) -> None:
    bars = endings.bars(months)
    assert [bar.label for bar in bars] == labels
    assert sum(bar.now + bar.after + bar.retroactive for bar in bars) == sum(map(sum, months.values()))
    assert all(0 <= bar.then_y <= endings.HEIGHT and bar.then_x + bar.width <= endings.WIDTH for bar in bars)


def test_a_duration_comes_back_from_the_form_as_it_went_in() -> None:
    for keep_for, shown in (("P18M", ("18", "M")), ("P2W", ("2", "W")), ("P1Y6M", ("18", "M"))):
        assert ruleview._simple(keep_for) == shown
