"""`verify_archive` finds any change to a row that it can see, and passes a whole archive (I6)."""

import json
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import call_command

from archive.flows import epoch, tree
from archive.models import Batch, Checkpoint, Entry, Record, Tile
from archive.queries import verification
from archive.tests.conftest import Home, happen, keep, snapshot
from portal.kernel import clock, ids, tenancy


def fill() -> None:
    for number in range(4):
        keep(snapshot(f"message {number}"), snapshot("and another"))
        happen("hold.placed", detail={"reason": "a lawsuit"})
        tree.integrate(now=clock.now())


def codes() -> set[str]:
    return {code for code, _ in verification.verify().faults}


def flip(data: bytes) -> bytes:
    return bytes(data[:-3]) + bytes([data[-3] ^ 1]) + bytes(data[-2:])


def _flip_leaf() -> None:
    row = Entry.objects.get(index=2)
    Entry.objects.filter(index=2).update(leaf=bytes(row.leaf).replace(b'"out"', b'"in"').replace(b"system", b"clock"))


def _swap_leaves() -> None:
    a, b = Entry.objects.get(index=1), Entry.objects.get(index=2)
    Entry.objects.filter(index=1).update(leaf=bytes(b.leaf), id=b.id)
    Entry.objects.filter(index=2).update(leaf=bytes(a.leaf), id=a.id)


def _restore_older() -> None:
    Entry.objects.filter(index__gte=8).delete()
    Checkpoint.objects.filter(size__gt=8).delete()
    Record.objects.exclude(entry_id__in=Entry.objects.values("id")).delete()
    Tile.objects.all().delete()
    tree.grow()


def _flip_tile() -> None:
    row = Tile.objects.get()
    Tile.objects.update(hashes=flip(bytes(row.hashes)))


def _forge_checkpoint() -> None:
    row = Checkpoint.objects.order_by("size")[1]
    Checkpoint.objects.filter(id=row.id).update(note=row.note.replace("— ", "— x"))


def _flip_record(column: str) -> Callable[[], None]:
    def act() -> None:
        row = Record.objects.first()
        Record.objects.filter(entry_id=row.entry_id).update(**{column: flip(bytes(getattr(row, column)))})

    return act


DAMAGE: dict[str, tuple[Callable[[], object], set[str]]] = {
    "leaf": (_flip_leaf, {"columns_differ", "tile_differs", "checkpoint_differs", "log_forked"}),
    "order": (_swap_leaves, {"tile_differs", "log_forked"}),
    "lost": (lambda: Entry.objects.filter(index=5).delete(), {"entry_missing", "tile_differs", "log_forked"}),
    "kind": (lambda: Entry.objects.filter(index=3).update(kind="hold.released"), {"columns_differ"}),
    "detail": (lambda: Entry.objects.filter(index=3).update(detail=None), {"columns_differ"}),
    "older": (_restore_older, {"log_behind"}),
    "tile": (_flip_tile, {"tile_differs"}),
    "no tiles": (lambda: Tile.objects.all().delete(), set()),
    "checkpoint": (_forge_checkpoint, {"checkpoint_invalid"}),
    "root": (lambda: Checkpoint.objects.update(root=bytes(32)), {"checkpoint_invalid"}),
    "sealed": (_flip_record("sealed"), {"sealed_differs"}),
    "wrap": (_flip_record("outer_wrap"), {"record_altered"}),
    "envelope": (lambda: Batch.objects.update(envelope=b"x"), {"envelope_differs"}),
    "record": (lambda: Record.objects.first().delete(), {"entry_without_record"}),
    "stranger": (lambda: Record.objects.filter(entry_id=Record.objects.first().entry_id).update(entry_id=ids.uuid7()),
                 {"record_without_entry", "entry_without_record"}),
}  # fmt: skip


def test_a_whole_archive_passes(home: Home) -> None:
    fill()
    report = verification.verify()
    assert report.is_whole, report.faults
    assert (report.entries, report.records, report.checkpoints, report.tree_size) == (13, 8, 4, 13)


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_found(home: Home, name: str) -> None:
    fill()
    act, expected = DAMAGE[name]
    act()
    found = codes()
    assert found >= expected, found
    assert found or name == "no tiles"  # tiles only repeat the entries: the clock makes them again


def test_after_a_new_epoch_the_archive_is_whole_again(home: Home) -> None:
    fill()
    _restore_older()
    epoch.begin(actor=home.officer, now=clock.now())
    tree.integrate(now=clock.now())
    assert codes() == set()


class _Directory(tenancy.Directory):
    def __init__(self, *places: tenancy.Place) -> None:
        self.places = list(places)

    def all_ready(self) -> list[tenancy.Place]:
        return self.places


@pytest.fixture
def listed(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(tenancy, "directory", lambda: _Directory(home.place))
    return home


def run(*args: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("verify_archive", *args, stdout=out, stderr=StringIO())
    except SystemExit as leaving:
        return int(leaving.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_the_command_says_whole_or_not_by_its_exit_code(listed: Home) -> None:
    fill()
    assert run()[0] == 0
    _flip_record("sealed")()
    code, text = run("acme")
    assert code == 1
    assert "FAULT sealed_differs" in text
    assert json.loads(run("--json")[1])["faults"][0][0] == "sealed_differs"


def test_the_command_refuses_a_business_that_is_not_there(listed: Home) -> None:
    assert run("globex")[0] == 2
