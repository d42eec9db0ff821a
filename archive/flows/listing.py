"""Listing with its entry (I9). A mirror that polls must not fill the ledger with itself: one entry for each actor, what it
asked for and minute; it stands for all of that kind in this minute, in each process."""

import threading
from datetime import datetime
from uuid import UUID

from archive.queries import entries
from portal.kernel import tenancy, unit
from portal.kernel.actors import Actor

MOST_REMEMBERED = 10_000

_lock = threading.Lock()
_told: dict[tuple[UUID, str, str, str], int] = {}


def list_entries(
    *, actor: Actor, now: datetime, asked: entries.Filter, limit: int = 50, cursor: int | None = None,
    newest_first: bool = False,
) -> entries.Page:  # fmt: skip
    """As `queries.entries.list_for`, and an entry `archive.listed`, committed before anything is returned."""
    actor.require("archive.list")
    tell(actor=actor, now=now, kind="archive.listed", what="entries")
    return entries.list_for(actor, asked, limit=limit, cursor=cursor, newest_first=newest_first)


def tell(*, actor: Actor, now: datetime, kind: str, what: str) -> None:
    """Write that `actor` fetched `what` (a code), at most once a minute."""
    key = (tenancy.here().id, actor.label, kind, what)
    minute = int(now.timestamp()) // 60
    with _lock:
        if _told.get(key) == minute:
            return
    with unit.work() as u:
        u.entry(unit.Draft(kind, actor.label, codes={"what": what}))
        u.after_commit(lambda: _remember(key, minute))


def forget() -> None:
    with _lock:
        _told.clear()


def _remember(key: tuple[UUID, str, str, str], minute: int) -> None:
    with _lock:
        if len(_told) >= MOST_REMEMBERED:
            _told.clear()
        _told[key] = minute
