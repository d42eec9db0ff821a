"""Every component on one page, so that a change is seen everywhere at once. In a demo only."""

import re
from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe

from messaging.pages.console import shared
from messaging.rules import state
from portal.kernel import clock
from portal.web import guards

SPRITE = settings.BASE_DIR / "portal" / "web" / "static" / "img" / "icons.svg"
OTHER_STATES = (
    "received", "cancelled", "active", "locked", "requested", "held", "wiping", "acknowledged", "dark", "signed_out",
    "waiting", "open", "closed",
)  # fmt: skip


@guards.staff()
@require_safe
def styles(request: HttpRequest) -> HttpResponseBase:
    if not settings.EBB_DEMO:
        raise guards.absent()
    now = clock.now()
    context = {
        "icons": re.findall(r'<symbol[^>]*\bid="([^"]+)"', SPRITE.read_text(encoding="utf-8")),
        "soon": now + timedelta(seconds=45), "later": now + timedelta(hours=3), "started": now - timedelta(hours=1),
        "states": [*state.STATES, *OTHER_STATES],
        "events": [
            {"at": now - timedelta(hours=1), "words": "Sent", "icon": "sent", "tone": "", "entry_index": None},
            {"at": now, "words": "A device has it", "icon": "check", "tone": "live", "entry_index": None},
            {"at": now + timedelta(hours=3), "words": "Will end", "icon": "ended", "tone": "ahead", "entry_index": None},
        ],
    }  # fmt: skip
    return shared.draw(request, "styles", "", context)
