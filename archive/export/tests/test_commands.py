"""`manage.py verify_export` and `open_export`: a sealed bundle, its key file, and every way to get it wrong."""

import csv
import email
import email.policy
import json
import subprocess
import sys
import zipfile
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from archive.export import opening
from archive.export.tests.cases import Log
from archive.ledger import note
from portal.launch.environment import PROJECT
from portal.sealing import hpke, recovery


@pytest.fixture(scope="module")
def log() -> Log:
    made = Log()
    for number in range(12):
        made.say(body=f"message {number} ü", subject="=1+1") if number % 3 else made.happen()
    return made


@pytest.fixture
def place(log: Log, tmp_path: Path) -> Path:
    (tmp_path / "sealed.zip").write_bytes(log.draw(sealed=True))
    (tmp_path / "open.zip").write_bytes(log.draw())
    (tmp_path / "vkey").write_text(log.vkey + "\n")
    (tmp_path / "other").write_text(note.generate("ebb.test/other/1").verifier.encode())
    (tmp_path / "recovery.txt").write_text(recovery.encode(log.recovery.private, "Acme"))
    (tmp_path / "foreign.txt").write_text(recovery.encode(hpke.generate().private, "Globex"))
    return tmp_path


def run(command: str, *arguments: object) -> tuple[int, str]:
    said = StringIO()
    try:
        call_command(command, *map(str, arguments), stdout=said, stderr=said)
    except SystemExit as leaving:
        return int(leaving.code or 0), said.getvalue()
    return 0, said.getvalue()


def test_verify_export_says_the_three_things(place: Path) -> None:
    assert run("verify_export", place / "sealed.zip", "--vkey", place / "vkey")[0] == 0
    assert run("verify_export", place / "sealed.zip")[0] == 3
    assert run("verify_export", place / "sealed.zip", "--vkey", place / "other")[0] == 1
    (place / "short.zip").write_bytes((place / "open.zip").read_bytes()[:5000])
    code, words = run("verify_export", place / "short.zip", "--vkey", place / "vkey")
    assert code == 1
    assert "cut short" in words


@pytest.mark.parametrize("unpacked", [False, True])
def test_open_export_opens_what_was_sealed(place: Path, log: Log, unpacked: bool) -> None:
    bundle = place / "sealed.zip"
    if unpacked:
        zipfile.ZipFile(bundle).extractall(place / "folder")
        bundle = place / "folder"
    code, words = run(
        "open_export", bundle, "--key", place / "recovery.txt", "--out", place / "out", "--vkey", place / "vkey"
    )
    assert code == 0, words
    assert words.startswith("VERIFIED")
    with zipfile.ZipFile(place / "open.zip") as read:
        for name in ("records.jsonl", "records.csv", "records/4.eml"):
            assert (place / "out" / name).read_bytes() == read.read(name)
    letter = email.message_from_bytes((place / "out" / "records" / "4.eml").read_bytes(), policy=email.policy.SMTP)
    assert letter.get_content().rstrip() == "message 4 ü"
    with (place / "out" / "records.csv").open(newline="") as file:
        assert {row["subject"] for row in csv.DictReader(file)} == {"'=1+1"}


def test_a_computer_without_an_installation_verifies_and_opens(place: Path) -> None:
    """The recovery key and the program are enough: no setting, no database, no keyring. What does need them says which."""

    def manage(*words: object) -> tuple[int, str]:
        command = [sys.executable, str(PROJECT / "manage.py"), *map(str, words)]
        done = subprocess.run(
            command, env={"PATH": "/usr/bin:/bin"}, cwd=place, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    assert manage("verify_export", "sealed.zip", "--vkey", "vkey")[0] == 0
    code, words = manage("open_export", "sealed.zip", "--key", "recovery.txt", "--out", "bare", "--vkey", "vkey")
    assert code == 0, words
    assert (place / "bare" / "records" / "4.eml").exists()
    code, words = manage("doctor")
    assert code == 1
    assert words.startswith("ebb: EBB_SECRET_KEY is not set.")
    assert "Traceback" not in words


def test_open_export_with_another_businesss_key_opens_nothing(place: Path) -> None:
    code, words = run("open_export", place / "sealed.zip", "--key", place / "foreign.txt", "--out", place / "out")
    assert code == 1
    assert "sealed to another key" in words
    assert len(json.loads((place / "out" / "missing.json").read_text())["missing"]) == 8


def test_open_export_refuses_what_does_not_verify(place: Path) -> None:
    data = bytearray((place / "sealed.zip").read_bytes())
    data[len(data) // 2] ^= 1
    (place / "bad.zip").write_bytes(data)
    code, words = run("open_export", place / "bad.zip", "--key", place / "recovery.txt", "--out", place / "out")
    assert code == 1
    assert "NOT VERIFIED" in words
    assert not (place / "out").exists()


def test_open_export_says_what_is_wrong(place: Path) -> None:
    assert "recovery key" in run("open_export", place / "sealed.zip", "--key", place / "vkey")[1]
    assert run("open_export", place / "sealed.zip", "--key", place / "nothing")[0] == 1
    assert "open already" in run("open_export", place / "open.zip", "--key", place / "recovery.txt")[1]
    (place / "there").mkdir()
    code, words = run("open_export", place / "sealed.zip", "--key", place / "recovery.txt", "--out", place / "there")
    assert code == 1
    assert "there already" in words


def test_a_content_of_another_leaf_is_not_opened(place: Path, log: Log) -> None:
    from archive.export import boxed
    from archive.export.signed import NotVerified

    parts = boxed.read_sealed(log.kept[4].box, "sealed/4")
    with pytest.raises(NotVerified, match="commitment"):
        opening.Opener(log.recovery.private).open_(parts._replace(leaf=log.leaves[5]))
