"""The query line and the form under it, in step: what a form says of a query, and the query that both together ask for. Pure."""

from collections.abc import Mapping
from datetime import date, timedelta

from archive.rules import query as language
from archive.rules.query import Query, Term, invalid
from portal.kernel.errors import Refusal

SINGLE = ("customer", "kind", "direction", "category")
DAYS = ("after", "until")
FIELDS = (*SINGLE, *DAYS, "words")
NARROWING = ("kind", "direction", "category", "after", "before")  # codes and dates: what links may name


def fields_of(query: Query) -> dict[str, str]:
    """What the form shows. A part of the query that it has no field for stays in the line alone."""
    shown = {name: _single(query, name) for name in SINGLE}
    until = _single(query, "before")
    return shown | {
        "after": day if _is_day(day := _single(query, "after")) else "",
        "until": _shift(until, -1) if _is_day(until) else "",
        "words": Query(query.words).to_text(),
    }


def field_at(line: str, position: object) -> str:
    """The form's field that shows the metadata at this place of the line; "" where the line alone does."""
    query = _read(line)
    names = [term.name for term in query.terms if term.position == position]
    name = {"before": "until"}.get(names[0], names[0]) if names else ""
    return name if fields_of(query).get(name) else ""


def combined(line: str, posted: Mapping[str, str], was: str) -> Query:
    """The line, and over it whatever was changed in the form since it showed `was`."""
    asked = language.parse(line)
    shown = fields_of(_read(was))
    for name in FIELDS:
        value = posted.get(name, shown[name]).strip()
        if value != shown[name]:
            asked = _changed(asked, name, value)
    return language.check(asked)


def narrowed(query: Query, by: Mapping[str, str]) -> Query:
    """By facets and days, as links name them: codes and dates only."""
    for name in NARROWING:
        if value := by.get(name, ""):
            query = _changed(query, name, value)
    return language.check(query)


def _changed(query: Query, name: str, value: str) -> Query:
    if name == "words":
        return Query((*query.metadata.terms, *language.parse(value).words))
    if name == "until":
        name, value = "before", _shift(value, 1) if value else ""
    if not value:
        return query.without(name)
    return query.narrowed(name, _term(name, value).value)


def _term(name: str, value: str) -> Term:
    if '"' in value:
        raise invalid(1, "a quotation mark cannot stand in this field.")
    return language.parse(f'{name}:"{value}"').terms[0]


def _single(query: Query, name: str) -> str:
    """Where the query asks for exactly one."""
    terms = query.of(name)
    return terms[0].value if len(terms) == 1 and not terms[0].negated else ""


def _read(was: str) -> Query:
    """It came back from the page: one that cannot be read shows nothing."""
    try:
        return language.parse(was)
    except Refusal:
        return Query()


def _is_day(value: str) -> bool:
    return len(value) == len("2026-05-01")


def _shift(day: str, by: int) -> str:
    """`until` is the last day, `before:` the one after it."""
    try:
        return (date.fromisoformat(day) + timedelta(days=by)).isoformat()
    except (ValueError, OverflowError):
        return day
