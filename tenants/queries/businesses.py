"""Finding businesses. One that is being closed is found as long as its staff get in (`Place.is_winding`). Answers are
remembered for a moment in the process: every request asks."""

import time
from dataclasses import replace
from uuid import UUID

from django.db import connection
from django.db.models import OuterRef, Subquery

from portal.kernel import tenancy
from tenants.models import Business, Closing, Domain

FRESH_FOR = 2.0
SERVED = (Business.State.READY, Business.State.WINDING)


class Businesses(tenancy.Directory):
    """The directory the floor asks; only businesses that are ready exist in it."""

    def __init__(self) -> None:
        self._hosts: dict[str, tuple[float, tenancy.Place | None]] = {}
        self._ids: dict[UUID, tuple[float, tenancy.Place | None]] = {}

    def by_host(self, host: str) -> tenancy.Place | None:
        """`host` may carry a port. Unknown, closed and half-made businesses all answer None."""
        name = _name_of(host)
        known = self._hosts.get(name)
        if known is None or known[0] < time.monotonic():
            known = self._hosts[name] = (time.monotonic() + FRESH_FOR, _load(domains__domain=name))
            if len(self._hosts) > 10_000:
                self._hosts = {name: known}
        return known[1]

    def by_id(self, business_id: UUID) -> tenancy.Place | None:
        known = self._ids.get(business_id)
        if known is None or known[0] < time.monotonic():
            known = self._ids[business_id] = (time.monotonic() + FRESH_FOR, _load(id=business_id))
        return known[1]

    def all_ready(self) -> list[tenancy.Place]:
        return [business.place for business in _ready().order_by("id")]

    def closed_at(self, host: str) -> tenancy.Closed | None:
        """Not remembered: whoever comes to a closed door is rare."""
        _only_public()
        domain = Domain.objects.select_related("tenant").filter(domain=_name_of(host)).first()
        if domain is None or domain.tenant.state != Business.State.CLOSED:
            return None
        row = Closing.objects.filter(business_id=domain.tenant_id, state=Closing.State.CLOSED).first()
        return tenancy.Closed(domain.tenant.name, *(row.certificate, row.token_sha256) if row else ())

    def forget(self) -> None:
        self._hosts.clear()
        self._ids.clear()


def _ready():  # type: ignore[no-untyped-def]
    _only_public()
    return Business.objects.filter(state__in=SERVED)


def _load(**which: object) -> tenancy.Place | None:
    """One query, the closing that was agreed along with it: nobody who is served asks for that once more."""
    waiting = Closing.objects.filter(business_id=OuterRef("id"), state=Closing.State.WAITING).values("closes_at")
    found = _ready().filter(**which).annotate(closes_at=Subquery(waiting)).first()
    return replace(found.place, closes_at=found.closes_at) if found else None


def _name_of(host: str) -> str:
    return host.lower().rsplit(":", 1)[0] if ":" in host else host.lower()


def _only_public() -> None:
    """The list of businesses stands in `public`, which every search path ends with; no tenant schema has such a table."""
    if not tenancy.is_anywhere():
        connection.set_schema_to_public()


def get_ready_by_slug(slug: str) -> tenancy.Place | None:
    found = _ready().filter(slug=slug).first()
    return found.place if found else None
