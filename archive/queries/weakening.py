"""Would a change of the rules in force let any record go sooner? Answered for certain, and rather yes than no.

A record's end is the latest of its promise and of the rules that cover it. So a rule that leaves frees a record only if no
other keeps it as long and it was promised less, under another rule.
"""

from datetime import timedelta

from django.db.models import DateTimeField, DurationField, ExpressionWrapper, F, Func, IntegerField, Q, Value
from django.db.models.expressions import Combinable

from archive.models import Record
from archive.queries.ends import Book, Scope
from archive.rules import events, terms
from archive.rules.terms import Terms

COLUMN = {events.SENT: "sent_at", events.ENDED: "gone_at"}


def frees(before: Book, after: Book) -> bool:
    """Three statements at most for each scope that has records and loses a rule."""
    scopes = Record.objects.order_by().values_list("category", "kind", "purpose").distinct()
    return any(_frees(scope, before, after) for scope in scopes)


def in_scope(rule: Terms) -> Q:
    asked = {"category": rule.category, "kind": rule.kind, "purpose": rule.purpose}
    return Q(**{name: value for name, value in asked.items() if value})


def _frees(scope: Scope, before: Book, after: Book) -> bool:
    stay = after.covering(scope)
    lost = [rule for rule in before.covering(scope) if not any(terms.outlasts(new, rule) for new in stay)]
    return any(_lean_on(rule, scope) for rule in lost)


def _lean_on(rule: Terms, scope: Scope) -> bool:
    """Whether records of the scope are kept by this rule and by no promise of their own."""
    category, kind, purpose = scope
    rows = Record.objects.filter(category=category, kind=kind, purpose=purpose).exclude(rule=rule.code)
    column = COLUMN.get(rule.event)
    if column is None:  # nobody knows here when it happened
        return rows.exists()
    return rows.filter(Q(archived_until=None) | Q(archived_until__lt=_end(column, rule))).exists()


def _end(column: str, rule: Terms) -> Combinable:
    span = Func(
        Value(0), Value(rule.keep.months, IntegerField()), function="make_interval", output_field=DurationField()
    )
    days = Value(timedelta(days=rule.keep.days), DurationField())
    return ExpressionWrapper(F(column) + span + days, output_field=DateTimeField())
