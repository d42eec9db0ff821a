"""Cases as they are read: lists, progress, an item, the next one to review; and what `case:` and `tag:` mean in a query."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery

from archive.models import Case, CaseItem, Collection, Disposed, Record, RecordTag
from archive.queries import predicate
from archive.rules import casework
from archive.rules.query import Term, invalid
from portal.kernel import errors, keys
from portal.kernel.actors import Actor
from portal.sealing import errors as sealing

NAME = "case.name"
SHOWS = ("open", "mine", "sampled", *casework.DECISIONS)


@dataclass(frozen=True, slots=True)
class Progress:
    """`left` can still be reviewed; `gone` were disposed of with nobody having decided."""

    size: int = 0
    decided: int = 0
    left: int = 0
    gone: int = 0
    sampled: int = 0
    sampled_left: int = 0
    by_decision: dict[str, int] = field(default_factory=dict)

    @property
    def percent(self) -> int:
        """Rounded down: 100 means all of them."""
        return self.decided * 100 // self.size if self.size else 0


@dataclass(frozen=True, slots=True)
class Behind:
    """What stands behind an item: the record, if it is still kept, when it was disposed of, its tags."""

    is_there: bool
    customer_id: UUID | None
    archived_until: datetime | None
    disposed_at: datetime | None
    tags: list[str]


def get_cases_for(actor: Actor) -> "QuerySet[Case]":
    if not actor.may("case.manage"):  # a program that opens cases need not be one that reviews
        actor.require("archive.review")
    return Case.objects.all()


def get_case_for(actor: Actor, case_id: object) -> Case:
    found = get_cases_for(actor).filter(id=case_id).first()
    if found is None:
        raise errors.not_found("case")
    return found


def get_items_for(actor: Actor, case_id: UUID, *, show: str = "", tag: str = "") -> "QuerySet[CaseItem]":
    """In no order. `show` is one of `SHOWS`, "" for all."""
    actor.require("archive.review")
    rows = CaseItem.objects.filter(case_id=case_id)
    if tag:
        rows = rows.filter(message_id__in=RecordTag.objects.filter(tag=tag).values("message_id"))
    if show == "open":
        return _reviewable(rows)
    if show == "mine":
        return rows.filter(assignee_id=actor.id)
    if show == "sampled":
        return rows.filter(is_sampled=True)
    return rows.filter(decision=show) if show in casework.DECISIONS else rows


def to_review(actor: Actor) -> "QuerySet[CaseItem]":
    """Records of open cases that nobody decided on."""
    still_open = get_cases_for(actor).filter(state=Case.State.OPEN).values("id")
    return _reviewable(CaseItem.objects.filter(case_id__in=still_open))


def get_item_for(actor: Actor, case_id: UUID, number: int) -> CaseItem:
    actor.require("archive.review")
    found = CaseItem.objects.filter(case_id=case_id, number=number).first()
    if found is None:
        raise errors.not_found("record in this case")
    return found


def next_for(actor: Actor, case_id: UUID, *, after: int = 0, sampled: bool = False) -> "QuerySet[CaseItem]":
    """What this person may take up next, in order: nobody's or theirs, undecided, still there, behind `after`."""
    rows = _reviewable(CaseItem.objects.filter(case_id=case_id, number__gt=after))
    if sampled:
        rows = rows.filter(is_sampled=True)
    return rows.filter(Q(assignee_id=None) | Q(assignee_id=actor.id)).order_by("number")


def neighbours(rows: "QuerySet[CaseItem]", number: int) -> tuple[int | None, int | None]:
    """The numbers before and after this one in a list."""
    before = rows.filter(number__lt=number).order_by("-number").values_list("number", flat=True).first()
    after = rows.filter(number__gt=number).order_by("number").values_list("number", flat=True).first()
    return before, after


def progress_of(case_ids: Sequence[UUID]) -> dict[UUID, Progress]:
    """In two statements, however many cases."""
    rows = CaseItem.objects.filter(case_id__in=case_ids)
    counted = rows.values("case_id", "decision", "is_sampled").annotate(n=Count("*")).order_by()
    groups: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in counted:
        groups[row["case_id"]].append(row)
    left = dict(_reviewable(rows).values("case_id").annotate(n=Count("*")).order_by().values_list("case_id", "n"))
    return {pk: _progress(groups[pk], left.get(pk, 0)) for pk in case_ids}


def collecting(case_ids: Sequence[UUID]) -> set[UUID]:
    """The cases into which a walk goes on."""
    running = Collection.objects.filter(case_id__in=case_ids, state=Collection.State.RUNNING)
    return set(running.values_list("case_id", flat=True))


def records_of(items: Sequence[CaseItem]) -> dict[UUID, Behind]:
    """Of items of one case, by message; in one statement."""
    if not items:
        return {}
    same = {"message_id": OuterRef("message_id")}
    kept, gone, tags = (model.objects.filter(**same) for model in (Record, Disposed, RecordTag))
    rows = CaseItem.objects.filter(case_id=items[0].case_id, message_id__in=[one.message_id for one in items])
    found = rows.values_list(
        "message_id", Exists(kept), Subquery(kept.values("customer_id")), Subquery(kept.values("archived_until")),
        Subquery(gone.values("at")), ArraySubquery(tags.order_by("tag").values("tag")),
    )  # fmt: skip
    return {message: Behind(*values) for message, *values in found}


def known_tags(most: int = 50) -> list[str]:
    """Those used most, for a list to choose from."""
    used = RecordTag.objects.values("tag").annotate(n=Count("*")).order_by("-n", "tag")
    return sorted(used.values_list("tag", flat=True)[:most])


def name_of(case: Case) -> str:
    """Empty where it cannot be opened: the case stands whether its name is readable or not."""
    try:
        return keys.open_field(NAME, case.id, case.sealed_name).decode()
    except (sealing.SealingError, UnicodeDecodeError):
        return ""


def to_json(case: Case, progress: Progress, *, is_collecting: bool) -> dict[str, Any]:
    return {
        "id": case.id, "name": name_of(case), "state": case.state, "standing": case.is_standing,
        "opened_at": case.opened_at, "closed_at": case.closed_at, "records": progress.size, "decided": progress.decided,
        "left": progress.left, "decisions": progress.by_decision, "collecting": is_collecting,
    }  # fmt: skip


def register() -> None:
    """At start: what `case:` and `tag:` select."""
    predicate.register("case", _in_case)
    predicate.register("tag", _has_tag)


def _in_case(terms: Sequence[Term]) -> Q:
    """A case that is not there is refused: a hold on it would hold nothing, and nobody would know."""
    wanted = {term.id: term for term in terms}
    known = set(Case.objects.filter(id__in=[one for one in wanted if one]).values_list("id", flat=True))
    for pk, term in wanted.items():
        if pk not in known:
            raise invalid(term.position, "there is no such case. Copy its id from the case's page.")
    return Q(message_id__in=CaseItem.objects.filter(case_id__in=known).values("message_id"))


def _has_tag(terms: Sequence[Term]) -> Q:
    wanted = [term.value.lower() for term in terms]
    return Q(message_id__in=RecordTag.objects.filter(tag__in=wanted).values("message_id"))


def _reviewable(rows: "QuerySet[CaseItem]") -> "QuerySet[CaseItem]":
    """Undecided, and there to be decided on."""
    return rows.filter(Exists(Record.objects.filter(message_id=OuterRef("message_id"))), decision="")


def _progress(groups: Iterable[dict[str, Any]], left: int) -> Progress:
    by_decision: dict[str, int] = defaultdict(int)
    sampled = sampled_left = 0
    for row in groups:
        by_decision[row["decision"]] += row["n"]
        sampled += row["n"] * row["is_sampled"]
        sampled_left += row["n"] * (row["is_sampled"] and not row["decision"])
    undecided = by_decision.pop("", 0)
    decided = sum(by_decision.values())
    return Progress(decided + undecided, decided, left, undecided - left, sampled, sampled_left, dict(by_decision))
