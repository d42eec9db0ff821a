"""Mirrors: the script against the real HTTP server, on a second data folder; and the portal's half of the promise."""

import base64
import importlib.util
import json
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.conf import settings as project
from django.db import connection

from archive.flows import case, casefile, collecting, hold, mirror, search, tree, unlock
from archive.ledger import note
from archive.models import Entry, Epoch, Mirror, Record
from archive.queries import mirrors, proofs
from archive.tests.conftest import PASSPHRASE, Home, keep, snapshot
from portal.kernel import actors, clock, ids
from portal.kernel.errors import Refusal

SCRIPT = Path(project.BASE_DIR) / "deploy" / "mirror" / "ebb_mirror.py"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ebb_mirror", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ── the portal's half ─────────────────────────────────────────────────────────────────────────────────────────────────
KEY = note.generate("ebb.mirror/test")


@pytest.fixture
def named(home: Home) -> Any:
    return mirror.add(actor=home.officer, now=clock.now(), name="The cellar", vkey=KEY.verifier.encode(), drops=True)


def receipt(first: int, last: int, *, missing: tuple[int, ...] = (), key: note.SigningKey = KEY, **changes: Any) -> str:
    tree.integrate(now=clock.now())
    newest, origin = proofs.newest(), Epoch.objects.get().origin
    stated = mirrors.Stated(origin, first, last, newest.size, bytes(newest.root), 0, "", frozenset(missing))
    try:
        count, digest = mirrors.held_by(stated)
    except Refusal:
        count, digest = 0, "00" * 32
    values = {"origin": origin, "size": newest.size, "root": base64.b64encode(bytes(newest.root)).decode(), "count": count,
              "digest": digest} | changes  # fmt: skip
    lines = [
        mirrors.FORMAT,
        values["origin"],
        first,
        last,
        values["size"],
        values["root"],
        values["count"],
        values["digest"],
    ]
    lines += [f"missing {index} gone" for index in missing]
    return note.sign("".join(f"{line}\n" for line in lines), key)


def sign(home: Home, named: Any, text: str) -> mirrors.Stated:
    return mirror.sign(actor=home.mirror, now=clock.now(), mirror_id=named, receipt=text)


def drop() -> None:
    mirror.sweep(now=clock.now())


def test_a_receipt_is_taken_once_and_ranges_follow_one_another(home: Home, named: Any) -> None:
    drafts = keep(snapshot(), snapshot())
    text = receipt(0, drafts[0].index)
    made = sign(home, named, text)
    assert sign(home, named, text) == made
    with pytest.raises(Refusal, match="receipt_not_next"):
        sign(home, named, receipt(0, drafts[1].index))
    sign(home, named, receipt(drafts[0].index + 1, drafts[1].index))
    assert Mirror.objects.get().signed_to == drafts[1].index + 1
    assert Entry.objects.filter(kind="mirror.signed").count() == 2


@pytest.mark.parametrize("changes", [
    {"root": "A" * 43 + "="}, {"digest": "11" * 32}, {"count": 7}, {"size": 10**6}, {"origin": "ebb.log/other/1"},
    {"missing": (0,)}, {"key": note.generate("ebb.mirror/test")},
])  # fmt: skip
def test_a_receipt_that_says_anything_else_is_refused(home: Home, named: Any, changes: dict[str, Any]) -> None:
    (draft,) = keep(snapshot())
    with pytest.raises(Refusal, match="receipt_invalid"):
        sign(home, named, receipt(0, draft.index, **changes))
    assert not Entry.objects.filter(kind="mirror.signed").exists()


def test_nonsense_is_refused(home: Home, named: Any) -> None:
    for text in ("", "x", "a\n\n— b c\n", note.sign("ebb-mirror-receipt@v1\n", KEY)):
        with pytest.raises(Refusal, match="receipt_invalid"):
            sign(home, named, text)


def test_what_a_mirror_signed_for_goes_here_but_what_a_hold_keeps(home: Home, named: Any) -> None:
    customer = ids.uuid7()
    drafts = keep(snapshot(), snapshot(customer_id=customer), snapshot(), snapshot())
    hold.place(actor=home.officer, now=clock.now(), name="Suit", reason="A lawsuit", query=f"customer:{customer}")
    drop()
    assert not Record.objects.exclude(mirrored_at=None).exists()  # nothing before a receipt
    sign(home, named, receipt(0, drafts[2].index, missing=(drafts[2].index,)))
    drop()
    rows = [Record.objects.get(entry_id=draft.id) for draft in drafts]
    assert [bool(row.mirrored_at) for row in rows] == [True, False, False, False]
    assert bytes(rows[0].sealed) == b""
    assert bytes(rows[1].sealed)
    leaf = json.loads(bytes(Entry.objects.get(kind="mirror.dropped").leaf))
    assert leaf["count"] == 1
    drop()
    assert Entry.objects.filter(kind="mirror.dropped").count() == 1


def test_without_the_policy_or_after_removal_nothing_goes(home: Home) -> None:
    kept = mirror.add(actor=home.officer, now=clock.now(), name="Keeps", vkey=KEY.verifier.encode())
    (draft,) = keep(snapshot())
    sign(home, kept, receipt(0, draft.index))
    drop()
    Mirror.objects.update(drops=True)
    mirror.remove(actor=home.officer, now=clock.now(), mirror_id=kept)
    drop()
    assert not Record.objects.exclude(mirrored_at=None).exists()
    with pytest.raises(Refusal, match="not_found"):
        sign(home, kept, receipt(draft.index + 1, draft.index + 1))


def test_what_only_the_mirror_opens_is_found_all_the_same_and_says_so(home: Home, named: Any) -> None:
    """One record that does not open here stops neither a search, nor a phrase, nor the case it is in."""
    (gone,) = keep(snapshot("The invoice is late again."))
    sign(home, named, receipt(0, gone.index))
    drop()
    (stays,) = keep(snapshot("The invoice is late."))
    half = unlock.open_(actor=home.officer, now=clock.now(), passphrase=PASSPHRASE, session_key="s").half
    browser = search.Browser("s", half)

    def closed(query: str, **more: Any) -> dict[int, str]:
        got = search.search(
            actor=home.officer, now=clock.now(), query=query, reason="Complaint", browser=browser, **more
        )
        return {one.hit.index: one.closed for one in got.shown}

    expected = {gone.index: "record_mirrored", stays.index: ""}
    assert closed("invoice", with_text=True) == expected
    assert closed('"is late"') == expected
    assert closed('-"is late again" invoice') == expected, "nobody here can deny it"
    assert b'"count":1' in bytes(Entry.objects.get(kind="archive.opened").leaf), "what was read, and no more"
    matter = case.open_(actor=home.officer, now=clock.now(), name="Complaint")
    collecting.collect(actor=home.officer, now=clock.now(), case_id=matter, query="kind:message.sent")
    file = casefile.open_item(actor=home.officer, now=clock.now(), case_id=matter, number=1, session_key="s", half=half)
    assert (file.opened, file.closed) == (None, "record_mirrored")


def test_a_dropped_record_says_where_it_is_and_the_archive_is_whole(home: Home, named: Any) -> None:
    from archive.queries import sealed, verification

    (draft,) = keep(snapshot())
    sign(home, named, receipt(0, draft.index))
    drop()
    with pytest.raises(Refusal, match="record_mirrored"):
        sealed.load(draft.index)
    assert verification.verify().is_whole


def test_strangers_name_no_mirror_and_sign_nothing(home: Home, named: Any) -> None:
    (draft,) = keep(snapshot())
    reviewer, key = actors.staff(ids.uuid7(), "reviewer"), actors.key(ids.uuid7(), frozenset({"archive.list"}))
    for act in (
        lambda: mirror.add(actor=reviewer, now=clock.now(), name="x", vkey=KEY.verifier.encode()),
        lambda: mirror.remove(actor=reviewer, now=clock.now(), mirror_id=named),
        lambda: mirror.sign(actor=key, now=clock.now(), mirror_id=named, receipt=receipt(0, draft.index)),
    ):
        with pytest.raises(Refusal, match="not_allowed"):
            act()


WRONG = [("", KEY.verifier.encode(), "bad_mirror_name"), ("x", "nonsense", "bad_mirror_key")]


@pytest.mark.parametrize(("name", "vkey", "code"), WRONG, ids=["name", "key"])
def test_a_mirror_has_a_name_and_a_key(home: Home, name: str, vkey: str, code: str) -> None:
    with pytest.raises(Refusal, match=code):
        mirror.add(actor=home.officer, now=clock.now(), name=name, vkey=vkey)
    mirror.add(actor=home.officer, now=clock.now(), name="x", vkey=KEY.verifier.encode())
    with pytest.raises(Refusal, match="mirror_known"):
        mirror.add(actor=home.officer, now=clock.now(), name="y", vkey=KEY.verifier.encode())


# ── the script, on a second data folder ───────────────────────────────────────────────────────────────────────────────
class Machine:
    """The business's own machine: a folder, and what runs on it."""

    def __init__(self, folder: Path, cast: Any, capsys: Any, monkeypatch: Any) -> None:
        self.folder, self.cast, self.capsys, self.program = folder / "mirror", cast, capsys, script()
        monkeypatch.setenv("EBB_MIRROR_KEY", cast.key)
        with cast.inside():
            tree.integrate(now=clock.now())
            (folder / "vkey").write_text(Epoch.objects.order_by("-number").first().vkey)
        (folder / "recovery.txt").write_text(cast.recovery_text)
        self.beside = folder

    def run(self, command: str, *arguments: object) -> tuple[int, str]:
        code = self.program.main([command, str(self.folder), *map(str, arguments)])
        said = self.capsys.readouterr()
        return code, said.out + said.err

    def init(self) -> None:
        code, said = self.run("init", "--url", f"http://{self.cast.host}", "--vkey", self.beside / "vkey")
        assert code == 0, said
        with self.cast.inside():
            made = mirror.add(
                actor=self.cast.officer, now=clock.now(), name="The cellar", vkey=said.strip().splitlines()[-1]
            )
        assert self.run("pin", "--id", made)[0] == 0


@pytest.fixture
def machine(running: Any, fresh: Any, tmp_path: Path, capsys: Any, monkeypatch: Any) -> Machine:
    cast = fresh()
    customer = cast.customer(name="Anna")
    for number in range(4):
        cast.send(customer, body=f"kqzv message {number}")
    made = Machine(tmp_path, cast, capsys, monkeypatch)
    made.init()
    return made


def _send_more(machine: Machine) -> None:
    machine.cast.send(machine.cast.customer(name="Ben"), body="kqzv one more")
    with machine.cast.inside():
        tree.integrate(now=clock.now())


def test_a_mirror_pulls_verifies_opens_and_signs(machine: Machine) -> None:
    code, said = machine.run("pull")
    assert code == 0, said
    with machine.cast.inside():
        row = Mirror.objects.get()
        records = list(Entry.objects.filter(kind="message.sent").values_list("index", flat=True))
    assert row.signed_to > records[-1]
    assert "VERIFIED" in machine.run("verify")[1]
    code, said = machine.run("open", records[1], "--key", machine.beside / "recovery.txt")
    assert code == 0, said
    assert json.loads(said)["body"] == "kqzv message 1"
    assert not any(b"kqzv" in file.read_bytes() for file in machine.folder.rglob("*") if file.is_file())
    assert all(file.stat().st_mode & 0o077 == 0 for file in machine.folder.glob("*.key"))
    _send_more(machine)
    assert machine.run("pull")[0] == 0
    assert "VERIFIED" in machine.run("verify")[1]


def test_it_resumes_after_a_crash(machine: Machine) -> None:
    assert machine.run("pull")[0] == 0
    with (machine.folder / "entries.jsonl").open("ab") as file:
        file.write(b'{"index": 99, "leaf": "half')
    with (machine.folder / "hashes.bin").open("ab") as file:
        file.write(b"half")
    _send_more(machine)
    assert machine.run("pull")[0] == 0
    assert "VERIFIED" in machine.run("verify")[1]


def test_a_log_that_was_rolled_back_or_forked_is_refused_loudly(machine: Machine) -> None:
    _send_more(machine)
    shutil.copytree(machine.folder, machine.beside / "empty")
    assert machine.run("pull")[0] == 0
    state = json.loads((machine.folder / "state.json").read_text())
    with machine.cast.inside(), connection.cursor() as cursor:  # an older database under the same key
        cursor.execute("DELETE FROM archive_checkpoint WHERE size >= %s", [state["size"]])
    code, said = machine.run("pull")
    assert code == 2, said
    assert "ROLLED BACK" in said
    assert json.loads((machine.folder / "state.json").read_text()) == state


def test_a_changed_entry_is_a_fork(machine: Machine) -> None:
    with machine.cast.inside():
        row = Entry.objects.filter(kind="message.sent").first()
        Entry.objects.filter(index=row.index).update(leaf=bytes(row.leaf).replace(b'"class":"', b'"class":"x'))
    code, said = machine.run("pull")
    assert code == 2, said
    assert "FORKED" in said
    assert (machine.folder / "entries.jsonl").stat().st_size == 0
    with machine.cast.inside():
        assert not Entry.objects.filter(kind="mirror.signed").exists()


def test_a_record_that_its_entry_does_not_commit_to_is_not_kept(machine: Machine) -> None:
    with machine.cast.inside():
        row = Record.objects.first()
        Record.objects.filter(pk=row.pk).update(sealed=bytes(row.sealed)[:-1] + b"x")
    assert machine.run("pull")[0] == 0  # the portal itself says that it was altered
    assert "1 missing" in machine.run("verify")[1]
    stored = next((machine.folder / "sealed").rglob("*.json"))
    value = json.loads(stored.read_text())
    stored.write_text(json.dumps({**value, "sealed": value["wrap"]}))
    code, said = machine.run("verify")
    assert code == 2, said


def test_another_key_is_refused(machine: Machine) -> None:
    (machine.beside / "other").write_text(note.generate("ebb.log/other/1").verifier.encode())
    assert machine.run("pin", "--vkey", machine.beside / "other")[0] == 0
    code, said = machine.run("pull")
    assert code == 2, said
    assert "the key you pinned" in said


def test_what_is_wrong_is_said_in_a_sentence(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "a mirror already" in machine.run("init", "--url", "http://x", "--vkey", machine.beside / "vkey")[1]
    assert machine.run("open", 10**6, "--key", machine.beside / "recovery.txt")[0] == 1
    monkeypatch.setenv("EBB_MIRROR_KEY", "ebb_nothing")
    assert "401" in machine.run("pull")[1]
    monkeypatch.delenv("EBB_MIRROR_KEY")
    assert "EBB_MIRROR_KEY" in machine.run("pull")[1]
