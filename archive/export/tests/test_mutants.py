"""T7 on bundles: every class of byte, changed in every way. Each mutant must be refused with a reason, never with a crash."""

import random
import zipfile
from io import BytesIO

import pytest

from archive.export.signed import NotVerified
from archive.export.tests.cases import Log, verify
from archive.ledger import entry

SEED = 7


@pytest.fixture(scope="module")
def log() -> Log:
    made = Log()
    for number in range(9):
        made.say(body=f"message {number} ü") if number % 3 else made.happen()
    file = made.attach(b"%PDF-1.7 " + bytes(range(256)) * 3)
    made.say(attachments=[file, made.attach(b"a picture", "ä.png", "image/png")])
    made.say(attachments=[file])
    return made


def bundles(log: Log) -> dict[str, bytes]:
    time = {
        "by": "time",
        "first": 2,
        "last": 5,
        "after": entry.format_time(log.at(2)),
        "before": entry.format_time(log.at(6)),
    }
    hurt = Log(log.key, log.leaves, dict(log.kept), {4: "disposed"}, files=log.files)
    return {"open": log.draw(), "sealed": log.draw(sealed=True), "time": log.draw(time), "query": log.draw(only=[1, 4]),
            "missing": hurt.draw(), "missing sealed": hurt.draw(sealed=True)}  # fmt: skip


def places(data: bytes) -> list[tuple[str, int, int]]:
    """(class, from, to) of every byte: each member's header and data, the directory, the end."""
    with zipfile.ZipFile(BytesIO(data)) as read:
        members = sorted((one.header_offset, one.filename.split("/")[0]) for one in read.infolist())
        start = read.start_dir
    found = []
    for (at, name), after in zip(members, [*(offset for offset, _ in members[1:]), start], strict=True):
        found += [(f"{name} header", at, at + 30), (name, at + 30, after)]
    return [*found, ("directory", start, len(data) - 22), ("end", len(data) - 22, len(data))]


def mutate(data: bytes, start: int, end: int, rng: random.Random) -> bytes:
    at, other = rng.randrange(start, end), rng.randrange(len(data))
    changed = bytearray(data)
    match rng.randrange(6):
        case 0:
            changed[at] ^= 1 << rng.randrange(8)
        case 1:
            changed.insert(at, rng.randrange(256))
        case 2:
            del changed[at]
        case 3:
            changed[at], changed[other] = changed[other], changed[at]
        case 4:
            del changed[at:]
        case _:
            width = rng.randrange(1, 40)
            changed[at : at + width], changed[other : other + width] = (
                changed[other : other + width],
                changed[at : at + width],
            )
    return bytes(changed)


def test_every_mutant_is_found(log: Log, request: pytest.FixtureRequest) -> None:
    full = request.config.getoption("--full", default=False)
    count, rng, tried, survived = 100_000 if full else 2_000, random.Random(SEED), 0, []
    drawn = bundles(log)
    for name, data in drawn.items():
        verify(data, log.vkey)  # none of the good ones is refused
        classes: dict[str, list[tuple[int, int]]] = {}
        for what, start, end in places(data):
            classes.setdefault(what, []).append((start, end))
        for what, ranges in classes.items():
            for _ in range(max(1, count // len(drawn) // len(classes)) + 1):
                mutant = mutate(data, *rng.choice(ranges), rng)
                if mutant == data:
                    continue
                tried += 1
                try:
                    verify(mutant, log.vkey)
                except NotVerified:
                    continue
                survived.append((name, what))
    print(f"T7 bundles: seed {SEED}, {tried:,} mutants, {len(survived)} survived")
    assert tried >= count
    assert not survived


def test_trailing_and_leading_bytes_are_found(log: Log) -> None:
    data = log.draw()
    for mutant in (data + b"\x00", b"\x00" + data, data + data, data[:-22] + data[-22:-2] + b"\x01\x00x", b""):
        with pytest.raises(NotVerified):
            verify(mutant, log.vkey)


def test_members_of_another_bundle_do_not_fit(log: Log) -> None:
    """The same log, drawn twice: each manifest is of its own bundle."""
    one, two = log.draw(), log.draw(only=[1, 4])
    with zipfile.ZipFile(BytesIO(one)) as a, zipfile.ZipFile(BytesIO(two)) as b:
        start_a = a.getinfo("manifest.json").header_offset
        start_b = b.getinfo("manifest.json").header_offset
    with pytest.raises(NotVerified):
        verify(one[:start_a] + two[start_b:], log.vkey)
