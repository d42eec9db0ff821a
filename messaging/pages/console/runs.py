"""A run of a campaign: its ledger with reasons, how it was taken over time, and the archive's entries behind it."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe

from messaging.models import Run
from messaging.pages.console import campaigns as pages
from messaging.pages.console import shared
from messaging.queries import campaigns, desk, following, funnel
from messaging.rules import campaign as rules
from portal.kernel import clock, ids
from portal.kernel.errors import Refusal
from portal.web import guards
from portal.web import listing as lists

COLUMNS = (
    "customer", "name", "state", "reason", "message", "due_at", "sent_at", "delivered_at", "revealed_at", "read_at", "gone_at",
    "ended_at",
)  # fmt: skip
STATES = [(str(state), str(state).replace("_", " ").capitalize()) for state in rules.Recipient]
SIZE, AT_ONCE = 50, 2000
WIDTH, HEIGHT = 640, 200
WORDS = {"sent": "Sent", "delivered": "Delivered", "opened": "Opened", "read": "Read"}


@guards.staff("campaign.view")
@require_safe
def run(request: HttpRequest, campaign_id: UUID, number: int) -> HttpResponseBase:
    row = campaigns.get_campaign_for(request.actor, campaign_id)
    request.actor.require("message.view")  # its lines are single messages
    found, now = campaigns.get_numbered_run_for(request.actor, campaign_id, number), clock.now()
    filters = lists.chosen(request, "state")
    if request.GET.get("format") == "csv":
        return lists.as_csv("recipients", COLUMNS, _all(found, filters["state"]))
    after = _after(request)
    rows = campaigns.ledger(found, now=now, after=after, limit=SIZE + 1, state=filters["state"])
    name = campaigns.name_of(row)
    context = {
        "live": following.state_of_run(found),
        "campaign": {"id": row.id, "name": name, "state": row.state}, "filters": filters, "states": STATES,
        "run": pages.run_of(found, campaigns.progress([found.id]).get(found.id, campaigns.Progress())),
        "page": lists.Page(_lines(rows[:SIZE]), str(rows[SIZE - 1].customer) if len(rows) > SIZE else ""),
        "can": shared.may(request, archive="archive.search"),
    }  # fmt: skip
    trail = (*pages.trail(request), (name, "campaigns"), (f"Run {found.number}", ""))
    return shared.draw(request, "campaign_run", "compose", context, trail=trail)


@guards.staff("campaign.view")
@require_safe
def taken(request: HttpRequest, campaign_id: UUID, number: int) -> HttpResponseBase:
    """Every message of the run counted, by state, by reason and over time: of a hundred thousand it takes a while, so the page of
    the run asks for it apart."""
    row = campaigns.get_campaign_for(request.actor, campaign_id)
    found, now = campaigns.get_numbered_run_for(request.actor, campaign_id, number), clock.now()
    counts, name = campaigns.counts(found, now=now), campaigns.name_of(row)
    context = {
        "campaign": {"id": row.id, "name": name}, "number": number,
        "counts": [(value, label, counts.states.get(value, 0)) for value, label in STATES],
        "reasons": [(pages.REASONS.get(why, why), count) for why, count in sorted(counts.reasons.items())],
        "chart": _chart(funnel.of(found, now)),
    }  # fmt: skip
    trail = (*pages.trail(request), (name, "campaigns"), (f"Run {found.number}", ""))
    return shared.draw(request, "campaign_run_taken", "compose", context, trail=trail)


def _after(request: HttpRequest) -> UUID:
    raw = request.GET.get("cursor", "")
    found = ids.parse_uuid(raw) if raw else campaigns.FIRST
    if found is None:
        raise Refusal("bad_cursor", "That cursor is not one of ours.", field="cursor")
    return found


def _lines(rows: list[campaigns.Line]) -> list[dict[str, Any]]:
    names = desk.names_of(one.customer for one in rows)
    return [
        {name: getattr(one, name) for name in COLUMNS if name != "name"}
        | {"name": names.get(one.customer, "erased customer"), "why": pages.REASONS.get(one.reason, one.reason.replace("_", " "))}
        for one in rows
    ]  # fmt: skip


def _all(found: Run, state: str) -> Iterator[dict[str, Any]]:
    """The whole ledger, page by page, as it is at each page."""
    after = campaigns.FIRST
    while rows := campaigns.ledger(found, now=clock.now(), after=after, limit=AT_ONCE, state=state):
        yield from _lines(rows)
        after = rows[-1].customer


def _chart(found: funnel.Funnel | None) -> dict[str, Any] | None:
    """Lines that only rise, as points of an SVG of WIDTH × HEIGHT; and the same as a table's rows, one in four."""
    if found is None:
        return None
    steps, most = len(found.lines["sent"]), max(found.most, 1)
    lines = [
        {"name": WORDS[line], "key": line, "last": counts[-1], "points": " ".join(
            f"{WIDTH * n / (steps - 1):.1f},{HEIGHT - HEIGHT * count / most:.1f}" for n, count in enumerate(counts)
        )}
        for line, counts in found.lines.items()
    ]  # fmt: skip
    rows = [
        {"at": found.at(n), "counts": [found.lines[line][n] for line in funnel.LINES]}
        for n in range(3, steps, 4)
    ]  # fmt: skip
    return {"lines": lines, "rows": rows, "names": list(WORDS.values()), "width": WIDTH, "height": HEIGHT,
            "start": found.start, "end": found.at(steps - 1), "most": found.most,
            "is_unread": not found.lines["read"][-1], "is_over": found.is_over}  # fmt: skip
