"""What a person asks of a retention rule, and whether it can be one."""

from dataclasses import dataclass

from django.db.models import QuerySet

from archive.models import Record, Rule
from archive.queries import weakening
from archive.rules import events, retention, scopes
from archive.rules.terms import DISPOSE, REVIEW, Terms
from portal.kernel.errors import Refusal

LONGEST_NAME = 60
LONGEST_KEEP_MONTHS = 12 * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """`keep_for` is ISO 8601 (P7Y, P18M, P2W, P90D). An empty part of the scope means any."""

    name: str
    keep_for: str
    event: str = events.SENT
    action: str = DISPOSE
    category: str = ""
    kind: str = ""
    purpose: str = ""

    @property
    def scope(self) -> tuple[str, str, str]:
        return self.category, self.kind, self.purpose


def check(wanted: Wanted) -> None:
    """Refuses what no rule can say; each with the field that is wrong."""
    if not 1 <= len(wanted.name.strip()) <= LONGEST_NAME or not wanted.name.isprintable():
        raise Refusal("bad_name", f"Give the rule a name of 1 to {LONGEST_NAME} characters.", field="name")
    _check_keep_for(wanted.keep_for)
    if not events.is_event(wanted.event):
        raise Refusal(
            "bad_event", "A rule counts from sent, ended, conversation.closed, customer.closed or field:<a date field>.",
            field="from",
        )  # fmt: skip
    if wanted.action not in (DISPOSE, REVIEW):
        raise Refusal("bad_action", "The action is dispose, or review: people look first.", field="action")
    _check_scope(wanted)


def terms_of(wanted: Wanted) -> Terms:
    return Terms(
        code="", keep=retention.parse(wanted.keep_for), event=wanted.event, action=wanted.action,
        category=wanted.category, kind=wanted.kind, purpose=wanted.purpose,
    )  # fmt: skip


def wanted_of(row: Rule) -> Wanted:
    return Wanted(
        name=row.name, keep_for=row.keep_for, event=row.event, action=row.action, category=row.category, kind=row.kind,
        purpose=row.purpose,
    )  # fmt: skip


def records_of(rule: Terms) -> "QuerySet[Record]":
    """The records in the scope of a rule."""
    return Record.objects.filter(weakening.in_scope(rule))


def _check_keep_for(text: str) -> None:
    try:
        keep = retention.parse(text)
    except retention.DurationError as error:
        raise Refusal("bad_keep_for", "A duration looks like P7Y, P18M, P2W or P90D.", field="keep_for") from error
    if not keep.months + keep.days > 0 or keep.months > LONGEST_KEEP_MONTHS or len(text) > 24:
        raise Refusal("bad_keep_for", "A rule keeps for at least a day and at most a thousand years.", field="keep_for")


def _check_scope(wanted: Wanted) -> None:
    if wanted.category and (not scopes.is_key(wanted.category) or wanted.category not in scopes.categories()):
        raise Refusal("unknown_category", "There is no such category.", field="scope.category")
    if wanted.kind and wanted.kind not in scopes.KINDS:
        raise Refusal("bad_scope", f"The kind is one of {', '.join(scopes.KINDS)}.", field="scope.kind")
    if wanted.purpose and wanted.purpose not in scopes.PURPOSES:
        raise Refusal("bad_scope", f"The purpose is one of {', '.join(scopes.PURPOSES)}.", field="scope.purpose")
