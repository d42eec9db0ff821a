"""Notifications: what somebody of the staff should look at, each with the page where it is settled."""

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST, require_safe

from messaging.pages.console import shared
from messaging.queries import following
from messaging.queries import news as queries
from portal.accounts.flows import staff
from portal.kernel import clock
from portal.kernel.errors import Refusal
from portal.web import guards

ICONS = {
    "approval": "check-double", "viewing": "reveal", "campaign": "warning", "account": "error", "log": "error",
    "webhook": "warning", "export": "download", "closing": "warning",
}  # fmt: skip


@guards.staff()
@require_safe
def page(request: HttpRequest) -> HttpResponseBase:
    found = queries.get_news_for(request.actor)
    items = [
        {
            "icon": ICONS[item.kind], "at": item.at, "title": item.title, "url": reverse(item.page, args=item.args),
            "is_unread": found.seen_at is None or item.at > found.seen_at,
        }
        for item in found.items
    ]  # fmt: skip
    context = {
        "items": items,
        "unread": found.unread,
        "upto": clock.text(clock.now()),
        "live": following.state_of_news(found),
    }
    return shared.draw(request, "news", "news", context)


@guards.staff()
@require_POST
def see(request: HttpRequest) -> HttpResponseBase:
    """What stood on the page that they saw: what came since stays unread."""
    try:
        upto = parse_datetime(request.POST.get("upto", ""))
    except ValueError:
        upto = None
    if upto is None or upto.tzinfo is None:
        raise Refusal("bad_date", "Open the page again: this form was not whole.", field="upto")
    staff.see_news(actor=request.actor, now=clock.now(), upto=upto)
    return HttpResponseRedirect(reverse("console:news"))
