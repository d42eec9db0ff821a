"""A bundle verifies as it was drawn, as a ZIP and unpacked, and says yes to nothing else."""

import ast
import io
import json
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from archive.export import check, claims, container, main, ship, table
from archive.export.signed import NotVerified
from archive.export.tests.cases import Log, verify
from archive.ledger import entry, note, proof


@pytest.fixture(scope="module")
def log() -> Log:
    made = Log()
    for number in range(40):
        made.say(body=f"message {number} ü") if number % 3 else made.happen()
    return made


@pytest.fixture(params=[False, True], ids=["open", "sealed"])
def sealed(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def refused(data: bytes, vkey: str | None = None) -> str:
    with pytest.raises(NotVerified) as said:
        verify(data, vkey)
    return str(said.value)


def by_time(log: Log, first: int, last: int, **changes: Any) -> dict[str, Any]:
    stamps = {"after": entry.format_time(log.at(first)), "before": entry.format_time(log.at(last + 1))}
    return {"by": "time", "first": first, "last": last, **stamps, **changes}


def test_a_bundle_verifies(log: Log, sealed: bool) -> None:
    verdict = verify(log.draw(sealed=sealed), log.vkey)
    assert verdict.has_outside_key
    assert verdict.manifest["counts"] == {"entries": 40, "records": 26, "missing": {}}
    assert verdict.manifest["complete"]


def test_without_a_key_from_outside_it_only_agrees_with_itself(log: Log) -> None:
    assert not verify(log.draw()).has_outside_key


@pytest.mark.parametrize("selection", [("indexes", 0, 39), ("indexes", 7, 7), ("indexes", 39, 39), ("time", 0, 39),
                                       ("time", 5, 20), ("time", 0, 0), ("time", 39, 39), ("time", 12, 11)])  # fmt: skip
def test_ranges_are_complete_by_proof(log: Log, sealed: bool, selection: tuple[str, int, int]) -> None:
    by, first, last = selection
    asked = {"by": by, "first": first, "last": last} if by == "indexes" else by_time(log, first, last)
    assert verify(log.draw(asked, sealed=sealed), log.vkey).manifest["counts"]["entries"] == last - first + 1


def test_a_query_is_proved_but_not_said_to_be_complete(log: Log, sealed: bool) -> None:
    assert not verify(log.draw(only=[1, 4, 38], sealed=sealed), log.vkey).manifest["complete"]
    assert verify(log.draw(only=[], sealed=sealed), log.vkey).manifest["counts"]["records"] == 0


@pytest.mark.parametrize(("first", "last", "changes"), [
    (5, 20, {"before": "2031-05-05T12:00:30.000000Z"}), (5, 20, {"after": "2031-05-05T12:00:01.000000Z"}),
    (5, 20, {"after": "2031-05-05T12:00:09.000000Z"}), (5, 20, {"before": "2031-05-05T12:00:10.000000Z"}),
])  # fmt: skip
def test_a_range_of_time_that_leaves_its_ends_out_is_refused(
    log: Log, first: int, last: int, changes: dict[str, Any]
) -> None:
    assert "range" in refused(log.draw(by_time(log, first, last, **changes)), log.vkey)


def test_what_is_missing_must_be_named(log: Log, sealed: bool) -> None:
    short = Log(log.key, log.leaves, dict(log.kept), {4: "disposed", 7: "mirrored"})
    assert verify(short.draw(sealed=sealed), log.vkey).manifest["counts"]["missing"] == {"disposed": 1, "mirrored": 1}

    silent = Log(log.key, log.leaves, {index: kept for index, kept in log.kept.items() if index != 4})
    assert "neither there nor named" in refused(silent.draw(sealed=sealed), log.vkey)


def test_a_leaf_that_no_longer_fits_is_named_and_stands_as_its_hash(log: Log) -> None:
    hurt = Log(log.key, log.leaves, dict(log.kept), {10: "altered"}, {10})
    assert verify(hurt.draw(), log.vkey).manifest["counts"]["missing"] == {"altered": 1}
    assert "every entry" in refused(Log(log.key, log.leaves, dict(log.kept), {}, {9}).draw(), log.vkey)


def test_an_unknown_version_is_told_though_its_key_signed_it(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as later:
        later.setattr(claims, "FORMAT", "ebb-export@v2")
        drawn = log.draw()
        assert verify(drawn, log.vkey).has_outside_key, "whole, by a verifier of its own release"
    assert "of a version that this verifier does not know" in refused(drawn, log.vkey)


def test_the_key_of_another_log_is_told(log: Log) -> None:
    other = note.generate("ebb.test/other/1").verifier.encode()
    assert "another key" in refused(log.draw(), other)
    assert "not a verifier key" in refused(log.draw(), "nonsense")


def test_another_content_under_the_same_leaf_is_refused(log: Log) -> None:
    line = log.kept[4].line
    forged = line._replace(content=(line.content or b"").replace(b"message 4", b"message 5"))
    liar = Log(log.key, log.leaves, {**log.kept, 4: type(log.kept[4])(forged, b"")})
    assert "does not open the commitment" in refused(liar.draw(), log.vkey)


def test_a_leaf_that_goes_back_in_time_is_refused(log: Log) -> None:
    back = Log(log.key, [*log.leaves, log.leaves[0].replace(b"staff.signed_in", b"staff.signed_out")], dict(log.kept))
    assert "older" in refused(back.draw(), log.vkey)


def test_it_is_a_zip_for_everyone_else(log: Log, sealed: bool) -> None:
    with zipfile.ZipFile(io.BytesIO(log.draw(sealed=sealed))) as read:
        assert read.testzip() is None
        names = read.namelist()
        leaf = log.leaves[4]
        proof.verify(read.read("proofs/4.tlog-proof"), log.vkey, leaf, index=4)
        assert json.loads(read.read("entries.jsonl").splitlines()[4])["leaf"]
    assert max(Counter(names).values()) == 1
    assert not any(name.startswith(("/", "..")) or ".." in name.split("/") for name in names)
    assert ("records/4.eml" in names) != sealed
    assert ("sealed/4" in names) == sealed


def test_unpacked_it_verifies_and_a_stray_file_does_not(log: Log, sealed: bool, tmp_path: Path) -> None:
    zipfile.ZipFile(io.BytesIO(log.draw(sealed=sealed))).extractall(tmp_path)
    assert check.verify(container.Unpacked(tmp_path), log.vkey).has_outside_key
    (tmp_path / "records").mkdir(exist_ok=True)
    (tmp_path / "records" / "99.eml").write_text("Subject: I was never sent\n")
    with pytest.raises(NotVerified, match="does not belong"):
        check.verify(container.Unpacked(tmp_path), log.vkey)


def test_a_zip_that_was_packed_anew_is_told_from_the_one_that_was_drawn(log: Log) -> None:
    again = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(log.draw())) as old, zipfile.ZipFile(again, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    refused(again.getvalue(), log.vkey)


def test_large_archives_have_the_zip64_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """More members than 65,535, and offsets beyond 4 GiB, as a reader of ZIP64 finds them."""
    end = container.zip_end(70_000, 5_000_000, 2**33)
    assert end.startswith(b"PK\x06\x06")
    assert end.endswith(container.zip_end(0, 0, 0)[:0] + b"\xff\xff\xff\xff\x00\x00")
    central = container.zip_central(b"x", (0, 0), 0, 1, 1, 2**33, False)
    assert central.endswith((2**33).to_bytes(8, "little"))


def test_the_verifier_is_one_file_of_python_alone(log: Log, tmp_path: Path) -> None:
    text = ship.verifier().decode()
    tree = ast.parse(text)
    imported = {
        part.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for part in node.names
    }
    imported |= {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= set(sys.stdlib_module_names)
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    names += [
        one.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for one in node.targets
        if isinstance(one, ast.Name)
    ]
    assert max(Counter(names).values()) == 1


def test_its_exit_codes(log: Log, tmp_path: Path) -> None:
    (tmp_path / "verify.py").write_bytes(ship.verifier())
    (tmp_path / "bundle.zip").write_bytes(log.draw())
    (tmp_path / "vkey").write_text(log.vkey + "\n")
    (tmp_path / "other").write_text(note.generate("ebb.test/other/1").verifier.encode())
    (tmp_path / "broken.zip").write_bytes(log.draw()[:-1])

    def run(*arguments: str) -> tuple[int, str]:
        done = subprocess.run([sys.executable, "-I", "-S", "verify.py", *arguments], cwd=tmp_path, capture_output=True,
                              text=True, check=False)  # fmt: skip
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout

    assert run("bundle.zip", "--vkey", "vkey")[0] == 0
    code, words = run("bundle.zip")
    assert code == 3
    assert "CONSISTENT WITH ITSELF" in words
    assert run("bundle.zip", "--vkey", "other")[0] == 1
    assert run("broken.zip", "--vkey", "vkey")[0] == 1
    assert run("nothing.zip")[0] == 1
    assert run("bundle.zip", "--vkey", "nothing")[0] == 1


def test_the_command_in_the_product_is_the_same_code(log: Log, tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "bundle.zip").write_bytes(log.draw())
    assert main.run(tmp_path / "bundle.zip", None, said.append) == 3
    assert "Complete by proof" in said[0]


def test_a_line_is_read_as_it_was_written(log: Log) -> None:
    line = log.kept[1].line
    assert table.read_line(table.write_line(line)) == line
    closed = line._replace(nonce=b"", content=None, until=None)
    assert table.read_line(table.write_line(closed)) == closed


def test_lists_that_shrink_a_lot_and_are_longer_than_a_piece_are_read_to_their_end() -> None:
    """More than a megabyte out of a few kilobytes, whose rest of input zlib gives under two names."""
    long = Log()
    for number in range(24):
        long.say(body=f"{number} " + "the same words again " * 8_000)
    verdict = verify(long.draw(), long.vkey)
    assert verdict.manifest["files"]["records.csv"]["bytes"] > 3_000_000
