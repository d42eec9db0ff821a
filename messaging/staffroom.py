"""The open pages of a business's staff in this process: what each follows, and what it was last told. Lives in the event loop.

There is one kind of news: something was committed (`entries`), or long work went on (`progress`), or an event may have been
missed (`resync`). Then, four times a second at most, all sessions and all that is followed are looked at in one go, with the
rights that each reader has at that moment; whoever may not be here any more is closed, and what changed is told. So a member
of staff who signed out, was let go or got another role is found by the entry of that very act. Ids, codes and counts only.
"""

import asyncio
import json
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import DatabaseError

from messaging import push
from messaging.queries import following
from messaging.queries.following import Seen, Subject
from messaging.sockets.wire import CLOSED, Send, Wire
from portal.accounts.queries import sessions
from portal.kernel import clock, tenancy, wake
from portal.kernel.errors import Refusal

log = logging.getLogger("ebb.hub")

LOOK_EVERY = 0.25  # seconds
AFTER_TROUBLE = 2.0
SUBJECTS_A_LINE = 8
NOT_SIGNED_IN, NOT_ALLOWED = 4401, 4403
NEWS = frozenset({"entries", wake.PROGRESS, wake.RESYNC})


class StaffLine(Wire):
    """`told` holds what is followed, with what was last said of it ("": nothing yet); `ends_at` is when the session ends by
    itself (seconds of the epoch)."""

    __slots__ = ("ends_at", "session", "staff", "told")

    def __init__(self, send: Send, place: tenancy.Place, host: str, session: str, standing: sessions.Standing) -> None:
        super().__init__(send, place, host)
        self.session, self.staff = session, standing.actor.id
        self.ends_at = standing.ends_at.timestamp()
        self.told: dict[Subject, str] = {}

    @property
    def looked_at(self) -> float:
        return self.ends_at


@dataclass(frozen=True)
class Look:
    """What one look found: sessions that stand, and of each what it follows (None: absent, or not for them)."""

    standings: Mapping[str, sessions.Standing]
    seen: Mapping[tuple[str, Subject], Seen | None]


class Staffroom:
    def __init__(self, place: tenancy.Place, loop: asyncio.AbstractEventLoop) -> None:
        self.place = place
        self.loop = loop
        self.lines: set[StaffLine] = set()
        self._looking: asyncio.Task[None] | None = None
        self._later: asyncio.TimerHandle | None = None
        self._again = False
        self._looked: dict[str, float] = {}  # when what wants calm was looked at last
        self._unsubscribe = wake.subscribe(place.schema, self._hear)

    def end(self) -> None:
        self._unsubscribe()
        if self._looking is not None:
            self._looking.cancel()
        if self._later is not None:
            self._later.cancel()

    def add(self, line: StaffLine) -> None:
        """Looked at once more now that it hears: what happened since it was let in was heard by nobody here."""
        self.lines.add(line)
        self.look_soon()

    def follow(self, line: StaffLine, subject: Subject) -> bool:
        """→ False: it follows too much. Asking again has it told again."""
        if subject not in line.told and len(line.told) >= SUBJECTS_A_LINE:
            return False
        line.told[subject] = ""
        self.look_soon()
        return True

    def close_all(self, code: int) -> None:
        for line in list(self.lines):
            line.close(code)

    def _hear(self, event: wake.Event) -> None:
        """From any thread. A loop that has ended hears nothing more."""
        if not self.loop.is_closed() and (event.kind in NEWS or event.kind == push.CLOSED):
            self.loop.call_soon_threadsafe(self._take, event.kind)

    def _take(self, kind: str) -> None:
        if kind == push.CLOSED:
            self.close_all(NOT_ALLOWED)
        else:
            self.look_soon()

    # ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def look_soon(self) -> None:
        """At once if it is quiet; else once more after the look that is under way."""
        self._again = True
        if self._looking is None:
            self._looking = self.loop.create_task(self._look())

    async def _look(self) -> None:
        try:
            while self._again and self.lines:
                self._again = False
                await asyncio.sleep(LOOK_EVERY if await self._look_once() else AFTER_TROUBLE)
        finally:
            self._looking = None

    async def _look_once(self) -> bool:
        wanted: dict[str, set[Subject]] = {}
        calm = self._calm()
        for line in self.lines:
            wanted.setdefault(line.session, set()).update(
                one for one in line.told if one.what not in calm or not line.told[one]
            )
        try:
            found = await tenancy.run_in_tenant(self.place, _look_at, wanted)
        except Exception:  # the database is away: nothing is told that was not looked at
            log.exception("a look for the open pages of a business failed")
            self._again = True
            return False
        if found is None:
            self.close_all(NOT_ALLOWED)
            return True
        for line in [line for line in self.lines if line.session in wanted]:
            self._tell(line, found)
        return True

    def _calm(self) -> set[str]:
        """What was looked at a moment ago, and is again when its time has come: a business that sends all day has news four times a
        second, and these are followed by every open page."""
        now, calm = self.loop.time(), set()
        for what, every in following.CALM.items():
            if now - self._looked.get(what, -every) < every:
                calm.add(what)
                if self._later is None:
                    self._later = self.loop.call_later(every, self._look_later)
            else:
                self._looked[what] = now
        return calm

    def _look_later(self) -> None:
        self._later = None
        self.look_soon()

    def _tell(self, line: StaffLine, found: Look) -> None:
        standing = found.standings.get(line.session)
        if standing is None:
            line.close(NOT_SIGNED_IN)
            return
        line.ends_at = standing.ends_at.timestamp()
        for subject in [one for one in line.told if (line.session, one) in found.seen]:
            text = _text(subject, found.seen[line.session, subject])
            if text != line.told[subject] and line.stage != CLOSED:
                line.told[subject] = text
                line.write(text, math.inf)


def _look_at(wanted: dict[str, set[Subject]]) -> Look | None:
    """None: the business itself is no longer served. Readers with the same rights see the same, so it is looked up once."""
    if tenancy.directory().by_id(tenancy.here().id) is None:
        return None
    now = clock.now()
    standings = sessions.get_standings(wanted, now)
    found: dict[tuple[frozenset[str], UUID | None, Subject], Seen | None] = {}
    seen: dict[tuple[str, Subject], Seen | None] = {}
    for session, standing in standings.items():
        for subject in wanted[session]:
            person = standing.actor.id if subject.what in following.PERSONAL else None
            key = (standing.actor.permissions, person, subject)
            if key not in found:
                found[key] = _see(standing, subject)
            seen[session, subject] = found[key]
    return Look(standings, seen)


def _see(standing: sessions.Standing, subject: Subject) -> Seen | None:
    try:
        return following.see(standing.actor, subject, clock.now())
    except Refusal:
        return None
    except DatabaseError:
        raise
    except Exception:  # what one page follows keeps nobody's line open
        log.exception("a look at what a page follows failed")
        return None


def _text(subject: Subject, seen: Seen | None) -> str:
    about: dict[str, object] = {"what": subject.what, "id": str(subject.id) if isinstance(subject.id, UUID) else None}
    if seen is None:
        return json.dumps({"type": "error", "code": "not_found", **about})
    return json.dumps({"type": "now", **about, "state": seen.state, "figures": seen.figures})
