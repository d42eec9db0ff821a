"""The verifier in several processes says yes and no as it does in one."""

import io
import os
import random

import psutil
import pytest

from archive.export import check, container
from archive.export.crew import Mapper, crew
from archive.export.signed import NotVerified
from archive.export.tests.cases import Log
from archive.export.tests.test_mutants import mutate, places

LINES = 40
MUTANTS = 60


@pytest.fixture
def many(monkeypatch):
    """Two processes, and pieces of a line or two."""
    monkeypatch.setattr("archive.export.crew._processors", lambda: 2)
    monkeypatch.setattr(container, "_CHUNK", 64)
    monkeypatch.setattr(check, "PIECE_RECORDS", 3)
    with crew() as each:
        yield each


def _pid(_: int) -> int:
    return os.getpid()


def _say(data: bytes, vkey: str, each: Mapper) -> str:
    try:
        return str(check.verify(container.Zipped(io.BytesIO(data)), vkey, check.quiet, each).manifest["counts"])
    except NotVerified as refused:
        return str(refused)


def test_pieces_go_to_other_processes_and_come_back_in_order(many):
    assert list(many(abs, range(-50, 0))) == list(range(50, 0, -1))
    assert os.getpid() not in set(many(_pid, range(8)))


def test_nothing_is_started_for_one_piece(many):
    assert list(many(_pid, [1])) == [os.getpid()]


@pytest.mark.parametrize("sealed", [False, True])
def test_it_says_yes_and_no_alike(many, sealed):
    log = Log()
    for number in range(LINES):
        log.say(body=f"message {number} ü") if number % 3 else log.happen()
    data, rng = log.draw(sealed=sealed), random.Random(11)
    assert f"'records': {len(log.kept)}" in _say(data, log.vkey, many)
    spots, said = places(data), set()
    for _ in range(MUTANTS):
        _, start, end = rng.choice(spots)
        changed = mutate(data, start, end, rng)
        if changed != data:
            said.add(_say(changed, log.vkey, many))  # which of several faults is found first may differ
            assert not any(words.startswith("{") for words in (_say(changed, log.vkey, map), *said))
    assert len(said) > 5


def test_no_process_is_left_behind_after_a_no(monkeypatch):
    monkeypatch.setattr("archive.export.crew._processors", lambda: 2)
    before = set(psutil.Process().children())
    with pytest.raises(NotVerified), crew() as each:
        list(each(_refuse, range(50)))
    assert set(psutil.Process().children()) <= before


def _refuse(number: int) -> int:
    raise NotVerified(f"piece {number}")


def test_where_no_process_can_be_started_one_does_it(monkeypatch):
    def refused(*_: object) -> None:
        raise BlockingIOError("no more processes")

    monkeypatch.setattr("archive.export.crew._processors", lambda: 2)
    monkeypatch.setattr("multiprocessing.process.BaseProcess.start", refused)
    with crew() as each:
        assert list(each(_pid, range(4))) == [os.getpid()] * 4
