"""The predicate against the same query evaluated in plain Python, record by record."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db.models import Q

from archive.models import Record
from archive.queries import predicate
from archive.rules import query
from archive.rules.query import Query, Term
from archive.tests.conftest import NOON, Home
from portal.kernel import ids
from portal.kernel.errors import Refusal
from portal.web import names

PEOPLE = [ids.uuid7() for _ in range(4)]
RUNS = [ids.uuid7() for _ in range(3)]
KINDS, CATEGORIES = ("message.sent", "message.received"), ("service", "billing", "results")


def plant(count: int, chance: random.Random) -> list[Record]:
    rows = [
        Record(
            message_id=ids.uuid7(), entry_id=ids.uuid7(), customer_id=chance.choice([*PEOPLE, None]), kind=chance.choice(KINDS),
            category=chance.choice(CATEGORIES), direction=chance.choice(("in", "out")), run_id=chance.choice([*RUNS, None]),
            sent_at=NOON + timedelta(hours=chance.randrange(-200, 200)), batch_id=ids.uuid7(), disposal_bucket="2033-11",
            sealed=b"x", outer_wrap=b"x", index_month="2031-05", words=[],
        )
        for _ in range(count)
    ]  # fmt: skip
    return Record.objects.bulk_create(rows)


def holds(query: Query, row: Record) -> bool:
    """Each name: any of those asked for, none of those denied; all instants."""
    by_name: dict[str, list[Term]] = {}
    for term in query.terms:
        by_name.setdefault(term.name, []).append(term)
    return all(_fits(terms, row) for terms in by_name.values())


def _fits(terms: list[Term], row: Record) -> bool:
    wanted, denied = [t for t in terms if not t.negated], [t for t in terms if t.negated]
    enough = all if terms[0].name in {"after", "before"} else any
    return (not wanted or enough(MEANING[t.name](t, row) for t in wanted)) and not any(
        MEANING[t.name](t, row) for t in denied
    )


def _side(term: Term, row: Record, of_business: str) -> bool:
    if term.value == "business":
        return row.direction == of_business
    return row.direction != of_business and str(row.customer_id) == term.value


MEANING: dict[str, Callable[[Term, Any], bool]] = {
    "from": lambda term, row: _side(term, row, "out"), "to": lambda term, row: _side(term, row, "in"),
    "customer": lambda term, row: str(row.customer_id) == term.value,
    "kind": lambda term, row: row.kind.startswith(term.value[:-1]) if term.value.endswith("*") else row.kind == term.value,
    "category": lambda term, row: row.category == term.value, "direction": lambda term, row: row.direction == term.value,
    "campaign": lambda term, row: str(row.run_id) == term.value, "message": lambda term, row: str(row.message_id) == term.value,
    "after": lambda term, row: row.sent_at >= term.at, "before": lambda term, row: row.sent_at < term.at,
}  # fmt: skip


def ask(chance: random.Random, rows: list[Record]) -> Query:
    values: dict[str, Callable[[], str]] = {
        "from": lambda: chance.choice(["business", *map(str, PEOPLE)]),
        "to": lambda: chance.choice(["business", *map(str, PEOPLE)]),
        "customer": lambda: str(chance.choice(PEOPLE)), "kind": lambda: chance.choice([*KINDS, "message.*", "other.*"]),
        "category": lambda: chance.choice(CATEGORIES), "direction": lambda: chance.choice(["in", "out"]),
        "campaign": lambda: str(chance.choice(RUNS)), "message": lambda: str(chance.choice(rows).message_id),
        "after": lambda: _moment(chance), "before": lambda: _moment(chance),
    }  # fmt: skip
    picked = chance.choices(sorted(values), k=chance.randint(1, 4))
    return Query(tuple(Term(name, values[name](), chance.random() < 0.3) for name in picked))


def _moment(chance: random.Random) -> str:
    at: datetime = NOON + timedelta(hours=chance.randrange(-200, 200))
    return at.isoformat().replace("+00:00", "Z") if chance.random() < 0.5 else at.date().isoformat()


def test_random_queries_select_what_they_say(home: Home) -> None:
    chance = random.Random(11)
    rows = plant(300, chance)
    some = 0
    for _ in range(400):
        asked = ask(chance, rows)
        expected = {row.message_id for row in rows if holds(asked, row)}
        found = set(predicate.select(asked).values_list("message_id", flat=True))
        assert found == expected, asked.to_text()
        some += 0 < len(expected) < len(rows)
    assert some > 150  # most queries tell records apart, or this test shows nothing


def test_a_denied_customer_does_not_hide_the_erased(home: Home) -> None:
    rows = plant(50, random.Random(5))
    erased = {row.message_id for row in rows if row.customer_id is None}
    found = set(predicate.select(query.parse(f"-customer:{PEOPLE[0]}")).values_list("message_id", flat=True))
    assert erased
    assert erased <= found


def test_a_reference_becomes_everyone_who_has_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "identify_customer", lambda actor, typed: set(PEOPLE[:2]) if typed == "A-1" else set())
    asked = predicate.resolve(home.officer, query.parse("kind:message.sent -to:A-1"))
    assert {term.id for term in asked.of("to")} == set(PEOPLE[:2])
    assert all(term.negated for term in asked.of("to"))


@pytest.mark.parametrize("text", ["customer:nobody", "-from:nobody", "to:Anna"])
def test_a_reference_that_nobody_has_is_refused_where_it_stands(home: Home, text: str) -> None:
    with pytest.raises(Refusal) as caught:
        predicate.resolve(home.officer, query.parse(text))
    assert (caught.value.code, caught.value.fields["position"]) == ("query_invalid", 1)


def test_an_unresolved_reference_never_selects(home: Home) -> None:
    with pytest.raises(Refusal):
        predicate.where(query.parse("customer:A-1"))


def test_a_term_of_another_room_registers_itself(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predicate, "_CONDITIONS", dict(predicate._CONDITIONS))
    rows = plant(20, random.Random(7))
    chosen: list[UUID] = [row.message_id for row in rows[:5]]
    predicate.register("tag", lambda terms: Q(message_id__in=chosen))
    assert predicate.select(query.parse("tag:late")).count() == 5
    assert predicate.select(query.parse("-tag:late")).count() == 15


def test_a_term_that_nobody_registered_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never dropped: a hold would then catch everything, or an export too much."""
    monkeypatch.setattr(predicate, "_CONDITIONS", {})
    with pytest.raises(Refusal) as caught:
        predicate.where(query.parse("kind:message.sent"))
    assert caught.value.code == "query_invalid"
