"""Wake-ups: to this process at once, to others soon, nothing twice, and a listener that notices it was deaf."""

import asyncio
from collections.abc import Callable

import psycopg
import pytest

from portal.kernel import ids, notify, notify_format, wake
from portal.kernel.wake import Event


@pytest.fixture
def layer(house) -> notify.Notify:
    made = notify.Notify()
    wake.use(made)
    yield made
    wake.use(None)


class Ear:
    """Collects events and lets a test wait for one."""

    def __init__(self) -> None:
        self.heard: list[Event] = []
        self.news = asyncio.Event()

    def __call__(self, event: Event) -> None:
        self.heard.append(event)
        self.news.set()

    async def until(self, is_it: Callable[[Event], bool]) -> Event:
        async with asyncio.timeout(5):
            while True:
                for event in self.heard:
                    if is_it(event):
                        return event
                self.news.clear()
                await self.news.wait()


def of_kind(kind: str) -> Callable[[Event], bool]:
    return lambda event: event.kind == kind


def test_events_travel_whole_and_long_ones_are_cut() -> None:
    messages, customers = [ids.uuid7() for _ in range(1000)], [ids.uuid4() for _ in range(1000)]
    packer = notify_format.Packer("me")
    packer.add(Event("t_1", "gone", {"messages": messages, "customers": customers, "reason": "recalled"}))
    packer.add(Event("t_2", "device", {"device": messages[0], "act": "lock"}))
    payloads = packer.payloads()
    assert all(len(payload.encode()) < 7500 for payload in payloads)
    events = [event for payload in payloads for event in notify_format.unpack(payload)[1]]
    assert events.pop() == Event("t_2", "device", {"device": messages[0], "act": "lock"})
    pairs = [pair for e in events for pair in zip(e.ids["messages"], e.ids["customers"], strict=True)]
    assert pairs == list(zip(messages, customers, strict=True))
    assert {e.ids["reason"] for e in events} == {"recalled"}


@pytest.mark.parametrize("payload", ["", "x", "[]", "{}", '{"o":1}', '{"o":"a","e":[[1]]}', '{"o":"a","e":{"x":1}}'])
def test_what_is_not_ours_is_no_event(payload: str) -> None:
    assert notify_format.unpack(payload)[1] == []


async def test_own_events_come_at_once_and_once_others_soon(layer) -> None:
    ear = Ear()
    stop = wake.subscribe("t_a", ear)
    listening = await wake.start()
    await ear.until(of_kind(wake.RESYNC))
    ear.heard.clear()
    wake.publish("t_a", "mine", messages=[ids.uuid7()])
    assert [event.kind for event in ear.heard] == ["mine"]
    other = notify.Notify()
    other.send(Event("t_b", "not for us"))
    other.send(Event("t_a", "theirs"))
    await ear.until(of_kind("theirs"))
    assert [event.kind for event in ear.heard] == ["mine", "theirs"]
    stop()
    wake.publish("t_a", "after")
    assert len(ear.heard) == 2
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


async def test_a_lost_connection_is_followed_by_a_resync(layer) -> None:
    ear = Ear()
    wake.subscribe("t_a", ear)
    listening = await wake.start()
    await ear.until(of_kind(wake.RESYNC))
    ear.heard.clear()
    async with await psycopg.AsyncConnection.connect(notify.dsn(), autocommit=True) as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'ebb-wake' AND pid <> pg_backend_pid() AND datname = current_database()"
        )
    await ear.until(of_kind(wake.RESYNC))
    notify.Notify().send(Event("t_a", "again"))
    await ear.until(of_kind("again"))
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


async def test_a_deaf_listener_connects_anew(layer, monkeypatch) -> None:
    monkeypatch.setattr(notify, "BEAT_EVERY", 0.05)
    monkeypatch.setattr(notify, "DEAF_AFTER", 0.3)
    monkeypatch.setattr(notify, "_NOTIFY", "SELECT %s::text, %s::text[]")  # what is sent is never heard
    ear = Ear()
    wake.subscribe("t_a", ear)
    listening = await wake.start()
    await ear.until(of_kind(wake.RESYNC))
    ear.heard.clear()
    await ear.until(of_kind(wake.RESYNC))
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


def test_a_process_without_a_loop_listens_and_health_is_a_round_trip(layer) -> None:
    heard = layer.listen(timeout=2.0)
    assert next(heard).kind == wake.RESYNC
    notify.Notify().send(Event("t_a", "hello"))
    # Other processes of this run beat on the same channel, and None stands where one was.
    assert next(event for event in heard if event is not None) == Event("t_a", "hello")
    heard.close()
    assert wake.health().round_trip < 2.0


def test_one_subscribers_fault_does_not_deafen_the_others(layer) -> None:
    heard: list[str] = []

    def fails(event: Event) -> None:
        raise RuntimeError("no")

    wake.subscribe("t_z", fails)
    wake.subscribe("t_z", lambda event: heard.append(event.kind))
    wake.publish("t_z", "x")
    assert heard == ["x"]
