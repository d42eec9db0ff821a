"""All lines of a public collection of text messages go out over the API to open sockets and come out byte for byte; then they
end, and the archive kept each (I1, I3, I5, I6).

The collection stands beside the project (`../shared/data/sms.tsv`) and is not part of it; where it is missing, lines made here
take its place and the run says so.
"""

import asyncio
import base64
import csv
import hashlib
import json
import random
import secrets
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from archive.ledger.tests import test_independent as independent
from messaging.models import Body, Message
from portal.kernel import clock
from portal.testing import cast as people
from portal.testing.line import Line

LINES = Path(__file__).resolve().parents[3] / "shared" / "data" / "sms.tsv"
CUSTOMERS = 20
BATCH = 1000
ONE_BY_ONE = 200
GONE_AFTER = 10  # seconds

judge = independent.judge


def _texts() -> list[str]:
    if LINES.exists():
        with LINES.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            next(rows)
            return [row[1] for row in rows]
    warnings.warn(f"{LINES} is not there: 1,200 made-up lines took its place", stacklevel=1)
    rng = random.Random(6962)
    odd = [
        "£",
        "\u0091",
        "\u0094",
        "&lt;#&gt;",
        '"',
        "'",
        "  ",
        "\t",
        "\n",
        "\U0001f642",
        "\u202e",
        "\ufeff",
        "é",
        "\\u0041",
        "%s",
    ]
    return ["".join(rng.choices([*odd, "Ok", " lor... "], k=rng.randint(1, 40))) + str(n) for n in range(1200)]


@dataclass
class Phone:
    """What one customer's open socket was told."""

    bodies: dict[str, str] = field(default_factory=dict)
    late: list[str] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    others: list[dict[str, object]] = field(default_factory=list)

    async def listen(self, line: Line) -> None:
        while True:
            frame = json.loads(await line.socket.recv())
            if frame["type"] == "message":
                told = frame["message"]
                if datetime.fromisoformat(told["gone_at"]) <= clock.now() or told["id"] in self.gone:
                    self.late.append(told["id"])
                self.bodies[told["id"]] = told["body"]
                await line.send(type="delivered", ids=[told["id"]])
            elif frame["type"] == "gone":
                self.gone.update(frame["ids"])
            elif frame["type"] == "ping":
                await line.send(type="pong")
            else:
                self.others.append(frame)


@dataclass
class Run:
    """`sent` maps a message's id to its text, its customer's place and its entry."""

    cast: people.Cast
    sent: dict[str, tuple[str, int, int]]
    phones: list[Phone]


@pytest.fixture(scope="module")
def run(running):
    """Everything is sent, arrives, and ends."""
    business = people.build(f"sms-{secrets.token_hex(3)}", "Text Messages")
    customers = [business.customer() for _ in range(CUSTOMERS)]
    handsets = [business.handset(customer) for customer in customers]
    return asyncio.run(_all_of_it(running, business, customers, handsets))


async def _all_of_it(running, business, customers, handsets):
    lines = [Line(running.port, handset) for handset in handsets]
    phones = [Phone() for _ in lines]
    async with asyncio.timeout(150):
        for line in lines:
            await line.__aenter__()
        listening = [asyncio.create_task(phone.listen(line)) for phone, line in zip(phones, lines, strict=True)]
        sent = await asyncio.to_thread(_send, running, business, customers)
        while sum(len(phone.gone) for phone in phones) < len(sent):
            await asyncio.sleep(0.05)
            for task in listening:
                if task.done():
                    task.result()
        for task in listening:
            task.cancel()
        for line in lines:
            await line.__aexit__(None, None, None)
    return Run(business, sent, phones)


def _send(running, business, customers):
    asked = [
        {"customer": str(customers[n % CUSTOMERS]), "body": text, "gone_after": GONE_AFTER}
        for n, text in enumerate(_texts())
    ]
    batches, single = asked[:-ONE_BY_ONE], asked[-ONE_BY_ONE:]
    answers = []
    with running.api(business) as api:
        for part in (batches[n : n + BATCH] for n in range(0, len(batches), BATCH)):
            answer = api.post("messages/batch", json={"messages": part})
            assert answer.status_code == 200, answer.text
            answers += answer.json()["results"]
        with ThreadPoolExecutor(4) as threads:
            answers += threads.map(lambda one: api.post("messages", json=one).json(), single)
    refused = [answer for answer in answers if "code" in answer]
    assert not refused, refused[:3]
    place = {str(customer): n for n, customer in enumerate(customers)}
    return {
        answer["id"]: (one["body"], place[one["customer"]], answer["entry"]["index"])
        for one, answer in zip(asked, answers, strict=True)
    }


def test_every_line_came_out_byte_for_byte_at_its_own_customer(run):
    assert len(run.sent) == len(_texts())
    for place, phone in enumerate(run.phones):
        wanted = {one: text.encode() for one, (text, at, _) in run.sent.items() if at == place}
        assert {one: text.encode() for one, text in phone.bodies.items()} == wanted
        assert not phone.others


def test_each_end_was_told_and_nothing_came_late(run):
    for place, phone in enumerate(run.phones):
        assert phone.gone == {one for one, (_, at, _) in run.sent.items() if at == place}
        assert not phone.late


def test_each_has_exactly_one_outcome_and_no_body_is_readable(run, running):
    with run.cast.inside():
        rows = list(Message.objects.values_list("outcome", "gone_at"))
        assert not Body.objects.filter(gone_at__gt=clock.now()).exists()
    assert len(rows) == len(run.sent)
    assert {outcome for outcome, _ in rows} == {"delivered"}
    with running.api(run.cast) as api:
        assert api.get("messages", params={"state": "ended", "limit": 1}).json()["results"]
        assert api.get("messages", params={"state": "expired_unread"}).json()["results"] == []


@pytest.fixture(scope="module")
def mirror(run, running):
    """What anybody with the key of a mirror can fetch: checkpoint, key, entry bundles and tiles."""
    return asyncio.run(_mirror(run, running))


async def _mirror(run, running):
    with running.api(run.cast) as api:
        last = max(index for _, _, index in run.sent.values())
        async with asyncio.timeout(30):
            while int((note := api.get("archive/checkpoint").text).split("\n")[1]) <= last:  # noqa: ASYNC110 (the clock signs)
                await asyncio.sleep(0.1)
        size = int(note.split("\n")[1])
        leaves = [leaf for path in _paths("entries", size) for leaf in _split(api.get(f"archive/tile/{path}").content)]
        tiles, level, width = {}, 0, size
        while width:
            for path in _paths(str(level), width):
                tiles[f"tile/{path}"] = api.get(f"archive/tile/{path}").content
            level, width = level + 1, width // 256
        return {
            "note": note,
            "size": size,
            "key": api.get("archive/key").text.strip(),
            "leaves": leaves,
            "tiles": tiles,
        }


def _paths(kind, width):
    """C2SP tlog-tiles: full tiles, and the partial one at the edge. No ledger here has a million entries."""
    full, rest = divmod(width, 256)
    found = [f"{kind}/{n:03d}" for n in range(full)]
    return [*found, f"{kind}/{full:03d}.p/{rest}"] if rest else found


def _split(bundle):
    found = []
    while bundle:
        size = int.from_bytes(bundle[:2], "big")
        found.append(bundle[2 : 2 + size])
        bundle = bundle[2 + size :]
    return found


def _root(leaves):
    """RFC 6962, 2.1, written here once more."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + _root(leaves[:half]) + _root(leaves[half:])).digest()


def test_the_archive_has_a_record_of_each_and_is_whole(run, mirror):
    out = StringIO()
    call_command("verify_archive", run.cast.place.slug, "--json", stdout=out)
    report = json.loads(out.getvalue())
    assert report["is_whole"], report
    assert report["records"] == len(run.sent)


def test_the_published_log_holds_one_entry_for_each_message(run, mirror):
    assert len(mirror["leaves"]) == mirror["size"]
    assert base64.b64encode(_root(mirror["leaves"])).decode() == mirror["note"].split("\n")[2]
    leaves = [json.loads(leaf) for leaf in mirror["leaves"]]
    sent = {index for index, leaf in enumerate(leaves) if leaf["kind"] == "message.sent"}
    assert sent == {index for _, _, index in run.sent.values()}
    assert len(sent) == len(run.sent)


@independent.pytestmark
def test_a_verifier_that_others_wrote_accepts_the_ledger(run, running, mirror, judge, tmp_path):
    for path, data in mirror["tiles"].items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    note, first = mirror["note"].encode(), mirror["leaves"][0]
    assert judge("tiles", note, tmp_path, first, vkey=mirror["key"])
    assert not judge("tiles", note, tmp_path, mirror["leaves"][1], vkey=mirror["key"])
    some = random.Random(6962).sample(sorted(index for _, _, index in run.sent.values()), 20)
    with running.api(run.cast) as api:
        for index in some:
            proof = api.get(f"archive/entries/{index}/proof")
            assert judge("inclusion", proof.content, mirror["leaves"][index], vkey=mirror["key"])
    assert not judge("inclusion", proof.content, mirror["leaves"][index - 1], vkey=mirror["key"])
