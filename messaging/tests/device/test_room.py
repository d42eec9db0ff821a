"""Who loads what arrived: the thread that sent, or the loop; one at a time, and nothing that went meanwhile is written."""

import asyncio
from uuid import UUID, uuid4

import pytest

from messaging import push, room
from messaging.queries import frames
from portal.kernel import tenancy, wake

PLACE = tenancy.Place(uuid4(), "t_room", "room", "Room")
CUSTOMER = uuid4()


class Line:
    device = uuid4()
    customers = frozenset({CUSTOMER})

    def __init__(self) -> None:
        self.written: list[str] = []

    def write(self, text: str, gone_at: float = 0.0) -> None:
        self.written.append(text)

    def bury(self, text: str) -> None:
        self.written.append("gone")


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    monkeypatch.setattr(tenancy, "is_at", lambda place: True)
    return Line()


def opened(line: Line) -> room.Room:
    made = room.Room(PLACE, asyncio.get_running_loop())
    made.add(line)  # type: ignore[arg-type]
    return made


def loading(monkeypatch: pytest.MonkeyPatch, before: object = None) -> list[list[UUID]]:
    loads: list[list[UUID]] = []

    def load(batch: list[UUID]) -> list[frames.Push]:
        loads.append(batch)
        if callable(before):
            before()
        return [frames.Push(one, CUSTOMER, frozenset({Line.device}), 0.0, "message") for one in batch]

    monkeypatch.setattr(room, "_frames", load)
    return loads


def say(kind: str, *messages: UUID) -> None:
    wake.deliver(wake.Event(PLACE.schema, kind, {"messages": list(messages), "customers": [CUSTOMER] * len(messages)}))


async def test_the_sender_loads_for_the_sockets(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    loads, here = loading(monkeypatch), opened(line)
    await asyncio.to_thread(say, push.ARRIVED, uuid4())
    assert (len(loads), line.written) == (1, ["message"])
    assert not here._turn.locked()
    here.end()


async def test_what_went_while_the_sender_loaded_is_not_written(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    message = uuid4()
    loading(monkeypatch, before=lambda: say(push.GONE, message))
    here = opened(line)
    await asyncio.to_thread(say, push.ARRIVED, message)
    await asyncio.sleep(0.01)
    assert line.written == ["gone"]
    assert (here._turn.locked(), here._buried) == (False, set())
    here.end()


async def test_what_arrives_meanwhile_waits_for_its_turn(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    async def in_loop(place: object, load: object, batch: list[UUID]) -> object:
        return load(batch)  # type: ignore[operator]

    monkeypatch.setattr(tenancy, "run_in_tenant", in_loop)
    loads, here = loading(monkeypatch), opened(line)
    second = uuid4()
    assert here._turn.acquire(blocking=False)  # another sender's
    await asyncio.to_thread(say, push.ARRIVED, second)
    await asyncio.sleep(0.01)
    assert loads == []
    here._end_turn()
    await asyncio.sleep(0.01)
    assert (loads, line.written) == ([[second]], ["message"])
    assert not here._turn.locked()
    here.end()


async def test_a_load_that_fails_asks_everyone_again(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ConnectionError

    monkeypatch.setattr(room, "SPREAD", 0.0)
    loading(monkeypatch, before=fail)
    here = opened(line)
    await asyncio.to_thread(say, push.ARRIVED, uuid4())
    await asyncio.sleep(0.01)
    assert line.written == ['{"type":"resync"}']
    assert not here._turn.locked()
    here.end()
