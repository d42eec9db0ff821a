"""One web process and its sockets: frames a second to 1,000 of them, and what an idle one weighs.

Three figures. *Fan-out*: messages of one customer whom a thousand devices serve, so each message is loaded and opened
once and written a thousand times. *Each their own*: a thousand customers with a phone each get a message each, so each
frame costs a query's row, an opening and a write. Both are counted from the first to the last frame at the client.
"""

import http.client
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import psutil

from bench import _client, _house, _report, _texts
from bench._report import Figure

SOCKETS = 1000
FAN_OUT = 40  # messages, each to all sockets
ROUNDS = 5  # the median counts
IDLE_PHONES, LINES_A_PHONE = 250, 8


def main() -> list[dict[str, object]]:
    with _house.opened() as house:
        people = house.customers(SOCKETS + 1)
        phones = house.phones(people[:SOCKETS])
        _serve_all(house, people[-1], phones)
        house.start("web")
        return _report.show(_measure(house, people, phones))


def _measure(house: _house.House, people: list[UUID], phones: list[_house.Phone]) -> Iterator[Figure]:
    with _client.Sockets(house.port, house.host, house.folder / "sockets.log") as held:
        held.open([phone.to_json() for phone in phones])
        time.sleep(4.0)  # a resync may be under way
        fanned, size = _fan_out(house, held, people[-1])
        own = _own(house, held, people[:SOCKETS])
    limit = _bare_push(house, size)
    yield Figure(
        name=f"fan-out to {SOCKETS:,} sockets", value=fanned, unit="frames/s", limit=limit,
        limit_of="bare uvicorn, ready frames", gate=30_000, aim=40_000, note=f"{size} bytes a frame",
    )  # fmt: skip
    yield Figure(
        name=f"a message of their own to {SOCKETS:,} sockets", value=own, unit="frames/s", limit=limit,
        limit_of="bare uvicorn, ready frames", note="loaded, opened and checked one by one",
    )  # fmt: skip
    yield _weight(house, phones[:IDLE_PHONES])


def _serve_all(house: _house.House, customer: UUID, phones: list[_house.Phone]) -> None:
    """One customer whom every phone serves: as if each had taken a second link."""
    from messaging.models import DeviceCustomer
    from portal.kernel import clock, tenancy

    now = clock.now()
    with tenancy.tenant_scope(house.place):
        DeviceCustomer.objects.bulk_create(
            DeviceCustomer(device_id=UUID(phone.device), customer_id=customer, granted_by="system", granted_at=now)
            for phone in phones
        )


def _send(house: _house.House, to: list[UUID]) -> None:
    from messaging.flows import message
    from messaging.rules.compose import Compose
    from portal.kernel import clock, tenancy

    texts = _texts.bodies(len(to))
    asked = [Compose(body=text, customer=one, gone_after=3600) for text, one in zip(texts, to, strict=True)]
    with tenancy.tenant_scope(house.place):
        message.send_many(actor=house.author, now=clock.now(), composed=asked)


def _fan_out(house: _house.House, held: _client.Sockets, customer: UUID) -> tuple[float, int]:
    rates, size = [], 0
    for _ in range(ROUNDS):
        held.arm(FAN_OUT * SOCKETS)
        _send(house, [customer] * FAN_OUT)
        found = held.result()
        rates.append(found["frames"] / (found["last"] - found["first"]))
        size = found["bytes"]
    return _report.median(rates), size


def _own(house: _house.House, held: _client.Sockets, people: list[UUID]) -> float:
    rates = []
    for _ in range(ROUNDS):
        held.arm(len(people))
        _send(house, people)
        found = held.result()
        rates.append(found["frames"] / (found["last"] - found["first"]))
    return _report.median(rates)


def _weight(house: _house.House, phones: list[_house.Phone]) -> Figure:
    """The difference that 2,000 further sockets make, so that threads, pools and code are not counted."""
    some = [phone.to_json() for phone in phones]
    house.stop()  # a process that had a thousand sockets has their memory left for the next
    house.start("web")
    bare = _bare_weight(house, len(phones) * LINES_A_PHONE)
    with _client.Sockets(house.port, house.host, house.folder / "sockets.log") as held:
        held.open(some)
        time.sleep(1.0)
        before = house.memory("web")
        count = held.open(some * (LINES_A_PHONE - 1)) - len(some)
        time.sleep(1.0)
        kib = (house.memory("web") - before) / count / 1024
    return Figure(
        name=f"an idle socket, of {count:,}", value=kib, unit="KiB", limit=bare, limit_of="bare uvicorn socket", gate=32,
        aim=25, less=True,
    )  # fmt: skip


# ── limits ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@contextmanager
def _bare(house: _house.House) -> Iterator[tuple[int, int]]:
    """→ the port and the process id of a server with nothing behind it."""
    port = _house.free_port()
    child = _house.spawn([sys.executable, "-m", "bench._bare", str(port)], house.env, house.folder / "bare.log")
    try:
        _house.wait_for(port, "/")
        yield port, child.pid
    finally:
        _house.end(child)


def _bare_push(house: _house.House, size: int) -> float:
    with _bare(house) as (port, _), _client.Sockets(port, "localhost", _log(house)) as held:
        held.open([None] * SOCKETS)
        rates = []
        for _ in range(ROUNDS):
            held.arm(FAN_OUT * SOCKETS)
            _get(port, f"/push?n={FAN_OUT}&size={size}")
            found = held.result()
            rates.append(found["frames"] / (found["last"] - found["first"]))
        return _report.median(rates)


def _bare_weight(house: _house.House, count: int) -> float:
    with _bare(house) as (port, pid), _client.Sockets(port, "localhost", _log(house)) as held:
        held.open([None] * 200)
        time.sleep(1.0)
        before = psutil.Process(pid).memory_full_info().pss
        held.open([None] * (count - 200))
        time.sleep(1.0)
        return float(psutil.Process(pid).memory_full_info().pss - before) / (count - 200) / 1024


def _log(house: _house.House) -> Path:
    return house.folder / "bare-sockets.log"


def _get(port: int, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    connection.getresponse().read()
    connection.close()
