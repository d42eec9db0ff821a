"""A device's socket: challenge → prove → state → events. Translates frames into one act each; the hub writes the
rest."""

from typing import Any

from messaging import hub
from messaging.sockets import acts, protocol
from messaging.sockets import line as lines
from messaging.sockets.line import Line
from messaging.sockets.listener import TOO_MANY, Listener, closes_with
from portal.kernel import ids, tenancy
from portal.web import problems


class InboxConsumer(Listener):
    line: Line

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await receive()  # websocket.connect
        place, host, cookie = scope["place"], scope["host"], scope["cookie"]
        await send({"type": "websocket.accept"})
        try:
            standing = await tenancy.run_in_tenant(place, acts.find, cookie)
        except Exception as error:  # noqa: BLE001 - a fault of ours is told to the log, and the device comes back
            await send({"type": "websocket.close", "code": closes_with(error)})
            return
        if standing is None:
            await send({"type": "websocket.close", "code": hub.NOT_PROVED})
            return
        self.address = (scope.get("client") or [""])[0]
        self.hub = hub.current()
        self.line = Line(send, place, host, standing.id, ids.token())
        self.hub.challenge(self.line)
        try:
            self.line.write(hub.frame("challenge", nonce=self.line.nonce, device=str(standing.id)))
            await self.listen(receive)
        finally:
            self.hub.leave(self.line)

    def parse(self, text: object) -> protocol.Frame:
        return protocol.parse(text)

    async def handle(self, frame: protocol.Frame) -> None:
        """A database that is away, a schema that is gone, a fault of ours: answered or closed with a code like any refusal."""
        try:
            if self.line.stage == lines.CHALLENGED:
                await self.prove(frame)
                return
            self.hub.heard(self.line)
            await self.act(frame)
        except Exception as error:  # noqa: BLE001 - see `closes_with`
            refusal = problems.refusal_for(error)
            if refusal is None or self.line.stage in {lines.CHALLENGED, lines.HELD}:
                self.line.close(closes_with(error))
            else:
                self.error(refusal.code, **({"id": str(frame.id)} if frame.id else {}))

    async def prove(self, frame: protocol.Frame) -> None:
        line = self.line
        if frame.kind != "prove" or self.hub.steady() >= line.due:
            line.close(hub.NOT_PROVED)
            return
        standing = await tenancy.run_in_tenant(
            line.place, acts.prove, line.host, line.device, line.nonce, frame, self.address
        )
        line.nonce, line.pass_ = "", frame.secret
        if line.stage == lines.CHALLENGED:
            await self.enter(standing)

    async def enter(self, standing: acts.devices.Standing) -> None:
        """Subscribe first, load the state second: what comes meanwhile is sent after it."""
        line = self.line
        line.customers = standing.customers
        if not standing.is_active:
            await self.turn_away(standing)
        elif not self.hub.join(line):
            line.close(TOO_MANY)
        else:
            standing, cover, first, gone_at = await tenancy.run_in_tenant(
                line.place, acts.state, line.device, line.pass_
            )
            self.hub.serve(line, standing, cover is not None)
            if standing.is_active:
                line.release(first, gone_at)
            elif line.stage == lines.HELD:
                line.stage, line.queue = lines.OPEN, None
                await self.turn_away(standing)

    async def turn_away(self, standing: acts.devices.Standing) -> None:
        line = self.line
        if standing.wipe_id is not None:
            line.stage, line.wipe = lines.WIPING, standing.wipe_id
            line.write(hub.frame("wipe", wipe=str(standing.wipe_id)))
            self.hub.loop.call_later(1.0, line.close, hub.NOT_ALLOWED)
            await tenancy.run_in_tenant(line.place, acts.sent, standing.wipe_id)
            return
        if standing.state == "locked":
            line.write(hub.frame("lock"))
        line.close(hub.NOT_ALLOWED)

    async def act(self, frame: protocol.Frame) -> None:
        line = self.line
        if frame.kind == "wiped" and line.wipe is not None and frame.id is not None:
            await tenancy.run_in_tenant(line.place, acts.acknowledge, line.host, line.device, frame.id, frame.signature)
            line.close(hub.NOT_ALLOWED)
        elif line.stage != lines.OPEN:
            return
        elif line.covered:
            if frame.kind != "pong":
                self.error("device_covered")
        elif frame.kind == "delivered":
            self.hub.receipts.add(line.place, line.device, frame.ids)
        elif frame.kind in {"prove", "wiped"}:
            self.error("out_of_place")
        elif frame.kind != "pong":
            answer = await tenancy.run_in_tenant(line.place, acts.act, line.device, frame, line.pass_)
            if answer:
                line.write(*answer)
