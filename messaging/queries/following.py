"""What an open page of the console follows: the state of one thing and its counts. Ids, codes and counts, never a word.

A page is drawn in a `state`; the staff socket tells the present one, and where they differ the page is drawn anew. So both
come from here. Each look goes through the guard of the thing (`get_…_for`), with the rights its reader has at that moment.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Max

from archive.queries import disposal, exports
from messaging.models import Campaign, Device, ImportJob, Message, Run, Wipe
from messaging.queries import campaigns, desk, devices, imports, messages, news
from messaging.rules import state as states
from portal.kernel.actors import Actor
from portal.kernel.errors import Refusal, not_found

Figures = dict[str, int | None]


@dataclass(frozen=True, slots=True)
class Subject:
    """`id` is None for what there is one of: the queue of conversations."""

    what: str
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    state: str
    figures: Figures = field(default_factory=dict)


def see(actor: Actor, subject: Subject, now: datetime) -> Seen:
    """As it stands. Refuses what is absent, and what the reader may not see, alike."""
    try:
        return _LOOKS[subject.what](actor, subject.id, now)  # type: ignore[arg-type]  # the queue's takes None
    except Refusal:
        raise not_found(subject.what) from None


# ── the state that a page is drawn in ─────────────────────────────────────────────────────────────────────────────────
def state_of_campaign(row: Campaign, run: Run | None, asking: int = 0) -> str:
    """`asking` customers wait for a word of a person: the page says so above its figures."""
    return f"{row.state} {state_of_run(run)}{' asking' if asking else ''}" if run else row.state


def state_of_run(run: Run) -> str:
    return f"{run.number} {run.state}"


def state_of_device(row: Device, wipes: list[Wipe]) -> str:
    return f"{row.state} {wipes[0].state}" if wipes else row.state


def state_of_import(row: ImportJob) -> str:
    return f"{row.state} {row.inviting}".strip()


def state_of_queue(totals: dict[str, int], newest: datetime | None) -> str:
    """`newest` changes with every word that is said in one of them."""
    counts = " ".join(str(totals[name]) for name in sorted(totals))
    return f"{counts} {newest.timestamp() if newest else 0:.3f}"


def state_of_news(found: news.News) -> str:
    """The newest among them, and how many of which are new."""
    newest = found.items[0].at.timestamp() if found.items else 0
    return f"{len(found.items)} {found.unread} {newest:.3f}"


# ── looks ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _campaign(actor: Actor, pk: UUID, now: datetime) -> Seen:
    row = campaigns.get_campaign_for(actor, pk)
    run = next(iter(campaigns.runs_of([row.id], most=1).get(row.id, [])), None)
    if run is None:
        return Seen(state_of_campaign(row, None))
    found = campaigns.progress([run.id]).get(run.id, campaigns.Progress())
    return Seen(state_of_campaign(row, run, found.asking), _of_run(run, found))


def _run(actor: Actor, pk: UUID, now: datetime) -> Seen:
    run = campaigns.get_any_run_for(actor, pk)
    return Seen(state_of_run(run), _of_run(run, campaigns.progress([run.id]).get(run.id, campaigns.Progress())))


def _of_run(run: Run, found: campaigns.Progress) -> Figures:
    return {
        "recipients": run.recipients, "sent": found.sent, "failed": found.failed, "suppressed": found.suppressed,
        "left": found.left, "done": found.done, "rate": round(found.rate) if found.rate else None,
        "seconds_left": found.seconds_left,
    }  # fmt: skip


def _message(actor: Actor, pk: UUID, now: datetime) -> Seen:
    row: Message = messages.get_message_for(actor, pk)
    return Seen(states.of(row, now))


def _device(actor: Actor, pk: UUID, now: datetime) -> Seen:
    row = devices.get_device_for(actor, pk)
    return Seen(state_of_device(row, devices.wipes_of(row)))


def _queue(actor: Actor, pk: None, now: datetime) -> Seen:
    totals = desk.conversation_totals(actor)
    return Seen(state_of_queue(totals, newest_word(actor)), dict(totals))


def newest_word(actor: Actor) -> datetime | None:
    found: datetime | None = desk.conversations_in(actor, tab="open", assignee="", q="").aggregate(at=Max("last_at"))[
        "at"
    ]
    return found


def _import(actor: Actor, pk: UUID, now: datetime) -> Seen:
    row = imports.get_import_for(actor, pk)
    found = imports.progress_of(row, imports.figures_of(row), now) or {}
    return Seen(state_of_import(row), _of_work(found))


def _export(actor: Actor, pk: UUID, now: datetime) -> Seen:
    row = exports.get_export_for(actor, pk)
    return Seen(row.state, _of_work(exports.progress_of(row, now) or {}))


def _of_work(found: dict[str, object]) -> Figures:
    """From a `progress_of`: {percent, done?, total?, rate, left}."""
    figures: Figures = {}
    for name in ("percent", "done", "total", "rate"):
        if isinstance(value := found.get(name), int | float):
            figures[name] = round(value)
    left = found.get("left")
    return figures | {"seconds_left": round(left.total_seconds()) if left else None} if figures else {}  # type: ignore[attr-defined]


def _disposal(actor: Actor, pk: UUID, now: datetime) -> Seen:
    row = disposal.get_run_for(actor, pk)
    figures: Figures = {"seen": row.seen, "done": min(row.seen, row.due), "left": max(0, row.due - row.seen)}
    return Seen(row.state, figures | {"rate": disposal.rate_of(row)})


def _news(actor: Actor, pk: None, now: datetime) -> Seen:
    """How many notifications this very person has not seen."""
    found = news.get_news_for(actor)
    return Seen(state_of_news(found), {"news": found.unread})


_LOOKS: dict[str, Callable[[Actor, UUID, datetime], Seen]] = {
    "campaign": _campaign, "run": _run, "message": _message, "device": _device, "import": _import, "export": _export,
    "disposal": _disposal, "conversations": _queue, "news": _news,  # type: ignore[dict-item]  # there is one queue: its id is None
}  # fmt: skip
KINDS = frozenset(_LOOKS)
WITHOUT_ID = frozenset({"conversations", "news"})
PERSONAL = frozenset({"news"})  # another reader with the same rights sees something else
CALM = {"news": 5.0}  # seconds between two looks: every open page follows it
