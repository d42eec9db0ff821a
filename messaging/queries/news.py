"""What somebody of the staff should look at: asked of the rows that say so, for this person's rights, each time. Nothing is kept of
it but up to when they have seen it (`accounts`)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from archive.flows import logstate
from archive.queries import approvals, exports, summary, viewings
from archive.rules import acts
from messaging.models import AccountDay, Run, RunChunk, Webhook
from messaging.queries import account
from messaging.rules import account as reckoning
from portal.accounts.queries import staff
from portal.kernel import tenancy
from portal.kernel.actors import Actor
from tenants.queries import closings

MOST = 50  # of a kind: a list that is longer is worked through where it stands


@dataclass(frozen=True, slots=True)
class Item:
    """`page` and `args` name the page where it is settled."""

    kind: str
    at: datetime
    title: str
    page: str
    args: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class News:
    """The newest first; `unread` of them are newer than what this person has seen."""

    items: list[Item]
    unread: int
    seen_at: datetime | None


def get_news_for(actor: Actor) -> News:
    items = sorted((item for look in _LOOKS for item in look(actor)), key=lambda item: item.at, reverse=True)
    seen_at = staff.news_seen_at(actor)
    return News(items, sum(seen_at is None or item.at > seen_at for item in items), seen_at)


def _to_decide(actor: Actor) -> Iterator[Item]:
    if not actor.may(acts.DECIDE):
        return
    rows = approvals.get_waiting_for(actor).filter(state="open").defer("reason").order_by("-id")[:MOST]
    for row in rows:
        act = acts.get(row.kind)
        if act is not None and acts.may_decide(actor, row):
            yield Item("approval", row.asked_at, f"To decide: {act.title}", "console:archive_approvals")


def _to_show(actor: Actor) -> Iterator[Item]:
    if not actor.may("archive.open"):
        return
    for row in viewings.get_waiting_for(actor).filter(granted_by="").defer("reason").order_by("-id")[:MOST]:
        yield Item("viewing", row.asked_at, "A colleague asks to see an ended record", "console:archive_approvals")


def _that_ask(actor: Actor) -> Iterator[Item]:
    """Campaigns that came too late for a part, and ask what now."""
    if not actor.may("message.send"):
        return
    asking = RunChunk.objects.filter(state=RunChunk.State.ASKING).values("run_id")
    rows = Run.objects.filter(id__in=asking).order_by("-due_at").values_list("campaign_id", "due_at")
    for campaign_id, due_at in rows[:MOST]:
        yield Item("campaign", due_at, "A campaign stopped and asks what to do", "console:campaign", (campaign_id,))


def _alarms(actor: Actor) -> Iterator[Item]:
    """An account that does not add up, a log that does not sign."""
    if not actor.may("archive.list"):
        return
    if reckoning.alarms(account.totals()):
        newest = AccountDay.objects.order_by("-reckoned_at").values_list("reckoned_at", flat=True)[:1]
        for reckoned_at in newest:
            title = "What was sent and what is archived differ"
            yield Item("account", reckoned_at, title, "console:archive_account")
    seen = summary.get_summary()
    if seen.signed_at and logstate.seems_broken(seen):
        yield Item("log", seen.signed_at, "The log of the archive does not sign any more", "console:archive_log")


def _webhooks(actor: Actor) -> Iterator[Item]:
    if not actor.may("webhook.manage"):
        return
    failing = (
        Webhook.objects.filter(failing_since__isnull=False).exclude(off="staff").only("id", "failing_since", "off")
    )
    for row in failing.order_by("-failing_since")[:MOST]:
        words = "A webhook was given up: nothing arrived there" if row.off else "A webhook fails: it is tried again"
        if row.failing_since is not None:
            yield Item("webhook", row.failing_since, words, "console:settings_webhook", (row.id,))


def _exports(actor: Actor) -> Iterator[Item]:
    """What this person had drawn, as long as its file is there."""
    if not actor.may("archive.export"):
        return
    ready = exports.get_exports_for(actor).filter(state="ready", asked_by=actor.label)
    for row in ready.only("id", "ready_at").order_by("-id")[:MOST]:
        if row.ready_at is not None:
            yield Item("export", row.ready_at, "An export is ready to be fetched", "console:archive_export", (row.id,))


def _closing(actor: Actor) -> Iterator[Item]:
    if not actor.may("business.close"):
        return
    standing = closings.standing_of(tenancy.here().id)
    if standing is not None:
        yield Item("closing", standing.entered_at, _CLOSING[standing.state], "console:settings_danger")


_CLOSING = {
    "waiting": "This business is to be closed", "winding": "This business is being closed",
    "proving": "Closing waits for proof that the archive is kept elsewhere",
    "sealing": "This business is closed", "closed": "This business is closed",
}  # fmt: skip
_LOOKS: tuple[Callable[[Actor], Iterator[Item]], ...] = (
    _to_decide, _to_show, _that_ask, _alarms, _webhooks, _exports, _closing,
)  # fmt: skip
