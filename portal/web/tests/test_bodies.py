"""How much of a body is kept before anybody knows whose it is."""

import asyncio

import pytest
from django.conf import settings

from portal.web import handler, problems

MIB = 1024 * 1024
LARGE = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
KEY, COOKIE = (b"authorization", b"Bearer x"), (b"cookie", b"__Host-ebb-device=x")


@pytest.mark.parametrize(
    ("path", "shown", "most"),
    [
        ("/api/v1/attachments", [KEY], LARGE), ("/api/v1/messages/batch", [KEY], LARGE), ("/inbox/attachments", [COOKIE], LARGE),
        ("/console/compose/", [COOKIE], LARGE), ("/console/customers/imports/", [COOKIE], LARGE),
        ("/api/v1/attachments", [], MIB), ("/inbox/attachments", [], MIB), ("/console/sign-in/", [], MIB),
        ("/api/v1/messages", [KEY], MIB), ("/inbox/enrol", [COOKIE], MIB), ("/hooks/email", [KEY], MIB),
        ("/x/api/v1/attachments", [KEY], MIB), ("/readyz", [KEY], MIB),
    ],
)  # fmt: skip
def test_only_files_and_batches_of_somebody_are_large(path, shown, most):
    assert handler.limit_of({"path": path, "headers": [(b"host", b"acme"), *shown]}) == most


def test_what_is_over_is_dropped_and_refused():
    body = handler.Body(MIB, handler.Room(0))
    for _ in range(5):
        body.take(b"x" * (MIB // 2))
    assert (body.refusal.code, body.getbuffer().nbytes) == ("too_large", 0)
    small = handler.Body(MIB, handler.Room(0))
    small.take(b"x" * MIB)
    assert (small.refusal, small.tell()) == (None, MIB)


def test_large_ones_share_a_room_and_give_it_back():
    room = handler.Room(5 * MIB)
    one, other, third = (handler.Body(LARGE, room) for _ in range(3))
    one.take(b"x" * (3 * MIB))
    other.take(b"x" * (3 * MIB))
    assert (one.refusal, other.refusal.code, other.getbuffer().nbytes) == (None, "crowded", 0)
    assert room.left == 2 * MIB
    one.leave()
    one.leave()
    assert room.left == 5 * MIB
    third.take(b"x" * (2 * MIB))
    third.take(b"x" * (2 * MIB))
    assert (third.refusal, room.left) == (None, MIB)


def test_who_drips_is_refused_and_holds_no_room(monkeypatch):
    monkeypatch.setattr(handler, "ARRIVES_WITHIN", 0)
    room, pieces = handler.Room(5 * MIB), [b"x" * (2 * MIB)]
    body = handler.Body(LARGE, room)

    async def receive():
        if not pieces:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": pieces.pop(), "more_body": True}

    asyncio.run(body.arrive(receive))
    assert (body.refusal.code, problems.status_of(body.refusal)) == ("slow_body", 408)
    assert (room.left, body.getbuffer().nbytes) == (5 * MIB, 0)


def test_at_the_real_door(running, acme):
    """A stranger's flood is answered, and the process goes on taking what is small."""
    with running.client(acme) as client:
        flood = client.post("/inbox/attachments", content=b"x" * (8 * MIB))
        assert (flood.status_code, flood.json()["code"]) == (413, "too_large")
        assert client.get("/inbox/").status_code == 200
    with running.api(acme) as api:
        wide = {"messages": [{"to": f"n{n}@example.org", "body": "x" * 16_385} for n in range(200)]}
        assert [one["code"] for one in api.post("messages/batch", json=wide).json()["results"]] == [
            "body_too_large"
        ] * 200
        assert api.post("messages", json={"to": "a@example.org", "body": "x" * (2 * MIB)}).json()["code"] == "too_large"
