"""The socket of an open page of the console: it says what it follows, and is told how that stands."""

from typing import Any

from messaging import hub, staffroom
from messaging.queries import following
from messaging.sockets import protocol
from messaging.sockets.listener import TOO_MANY, Listener, closes_with
from messaging.staffroom import StaffLine
from portal.accounts.queries import sessions
from portal.kernel import clock, tenancy


class StaffConsumer(Listener):
    line: StaffLine

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await receive()  # websocket.connect
        place, host, session = scope["place"], scope["host"], scope["cookie"]
        await send({"type": "websocket.accept"})
        try:
            standing = await tenancy.run_in_tenant(place, _standing, session)
        except Exception as error:  # noqa: BLE001 - a fault of ours is told to the log, and the page comes back
            await send({"type": "websocket.close", "code": closes_with(error)})
            return
        if standing is None:
            await send({"type": "websocket.close", "code": staffroom.NOT_SIGNED_IN})
            return
        self.hub = hub.current()
        self.line = StaffLine(send, place, host, session, standing)
        try:
            if self.hub.join_staff(self.line):
                await self.listen(receive)
            else:
                self.line.close(TOO_MANY)
        finally:
            self.hub.leave_staff(self.line)

    def parse(self, text: object) -> protocol.Frame:
        return protocol.parse_staff(text)

    async def handle(self, frame: protocol.Frame) -> None:
        self.hub.heard(self.line)
        if frame.kind != "follow":
            return
        if frame.text not in following.KINDS or (frame.id is None) != (frame.text in following.WITHOUT_ID):
            self.error("unknown_subject")
        elif not self.hub.staffrooms[self.line.place.schema].follow(self.line, following.Subject(frame.text, frame.id)):
            self.error("too_many_subjects")


def _standing(session: str) -> sessions.Standing | None:
    """`clock.now()` here, in the thread that asks: a session that ended while it waited for one is over."""
    return sessions.get_standings([session], clock.now()).get(session)
