"""A line never makes the hub wait, keeps little for a slow peer, and lets nothing out after its end."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from messaging.sockets import line as lines
from messaging.sockets import wire
from messaging.sockets.line import Line
from portal.kernel import clock, ids, tenancy

NOON = datetime(2030, 5, 4, 12, tzinfo=UTC)
PLACE = tenancy.Place(UUID(int=1), "t_1", "acme", "Acme")


class Peer:
    """A client that reads only while `reads` is set."""

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        self.reads.set()
        self.got: list[Any] = []

    async def send(self, message: dict[str, Any]) -> None:
        await self.reads.wait()
        self.got.append(message.get("text") or message.get("code"))

    def line(self, stage: int = lines.OPEN) -> Line:
        made = Line(self.send, PLACE, "acme.localhost", ids.uuid7(), "nonce")
        made.stage = stage
        return made


async def settle(line: Line) -> None:
    if line.waiting is not None:
        await line.waiting


async def test_a_reading_peer_gets_it_in_the_same_step() -> None:
    peer = Peer()
    line = peer.line()
    line.write("a")
    line.write("b")
    assert (peer.got, line.waiting) == (["a", "b"], None)


async def test_a_slow_peer_gets_it_in_order_later() -> None:
    peer = Peer()
    line = peer.line()
    peer.reads.clear()
    for text in "abc":
        line.write(text)
    assert peer.got == []
    peer.reads.set()
    await settle(line)
    assert peer.got == ["a", "b", "c"]


async def test_too_much_for_a_slow_peer_becomes_one_resync() -> None:
    peer = Peer()
    line = peer.line()
    peer.reads.clear()
    for n in range(wire.QUEUE_LIMIT * 3):
        line.write(str(n))
    assert not line.queue
    peer.reads.set()
    await settle(line)
    assert peer.got == ["0", lines.RESYNC]


async def test_what_ended_while_it_waited_does_not_leave() -> None:
    peer = Peer()
    at = clock.Fake(NOON)
    with clock.use(at):
        line = peer.line()
        peer.reads.clear()
        line.write("first")
        line.write("brief", NOON.timestamp() + 10)
        line.write("long", NOON.timestamp() + 100)
        at.advance(seconds=10)
        peer.reads.set()
        await settle(line)
        line.write("over", NOON.timestamp() + 10)
    assert peer.got == ["first", "long"]


async def test_what_was_recalled_while_it_waited_does_not_leave() -> None:
    peer = Peer()
    line = peer.line()
    peer.reads.clear()
    line.write("first")
    line.write("recalled words")
    line.bury("gone")
    peer.reads.set()
    await settle(line)
    assert "recalled words" not in peer.got
    assert peer.got[-1] == lines.RESYNC


async def test_closing_drops_what_waits() -> None:
    peer = Peer()
    line = peer.line()
    peer.reads.clear()
    line.write("first")
    line.write("second")
    line.close(4403)
    line.write("third")
    peer.reads.set()
    await settle(line)
    assert peer.got == [4403]


async def test_events_that_came_before_the_state_follow_it() -> None:
    peer = Peer()
    line = peer.line(lines.HELD)
    line.write("event")
    assert peer.got == []
    line.release("state")
    assert peer.got == ["state", "event"]
