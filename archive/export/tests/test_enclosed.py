"""Files in bundles: there once, in every letter that had them, and found out when they are not what the records say."""

import io
import json
import mailbox
import zipfile
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from archive.export import boxed, check, container, opening
from archive.export.signed import NotVerified
from archive.export.tests.cases import Log, verify

NAMES = ["letter.pdf", "Ärztebrief für Anna 日本.pdf", "x" * 100 + ".pdf", 'a"b;c=d%.pdf', "'quoted'.pdf"]
DATA = b"%PDF-1.7 " + bytes(range(256)) * 40


@pytest.fixture(scope="module")
def log() -> Log:
    made = Log()
    made.happen()
    shared = made.attach(DATA)
    made.say(body="one", attachments=[shared])
    made.say(
        body="two\n--=_ebb_2\nnot a part", attachments=[shared, made.attach(b"\x89PNG picture", "p.png", "image/png")]
    )
    made.say(body="none")
    made.say(body="names", attachments=[made.attach(DATA + name.encode(), name) for name in NAMES])
    return made


def members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        return {name: read.read(name) for name in read.namelist()}


def test_an_open_bundle_holds_each_file_once_and_in_every_letter(log: Log) -> None:
    data = log.draw()
    verify(data, log.vkey)
    found = members(data)
    assert len([name for name in found if name.startswith("attachments/")]) == 2 + len(NAMES)
    for index, count in ((1, 1), (2, 2), (3, 0), (4, len(NAMES))):
        letter = message_from_bytes(found[f"records/{index}.eml"], policy=policy.default)
        files = list(letter.iter_attachments())
        assert len(files) == count
        body: Any = letter.get_body()
        assert body.get_content().split()[0] in {"one", "two", "none", "names"}
        for file in files:
            assert f"attachments/{_digest(file.get_content())}" in {name.rpartition(".")[0] for name in found}
    names = [
        file.get_filename()
        for file in message_from_bytes(found["records/4.eml"], policy=policy.default).iter_attachments()
    ]
    assert names == NAMES
    assert all(len(line) <= 998 for line in found["records/4.eml"].split(b"\r\n"))


def _digest(data: bytes) -> str:
    from hashlib import sha256

    return sha256(data).hexdigest()


def test_a_mailbox_reads_them_too(log: Log, tmp_path: Path) -> None:
    box = mailbox.mbox(tmp_path / "box")
    for name, data in members(log.draw()).items():
        if name.endswith(".eml"):
            box.add(data)
    assert len(box) == 4
    box.close()


def test_a_sealed_bundle_holds_them_sealed_and_opens_with_its_key(log: Log, tmp_path: Path) -> None:
    data = log.draw(sealed=True)
    verify(data, log.vkey)
    found = members(data)
    assert not [name for name in found if name.startswith("attachments/")]
    assert len([name for name in found if name.startswith("blobs/")]) == 2 + len(NAMES)
    assert DATA[:200] not in data
    (tmp_path / "sealed.zip").write_bytes(data)
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        read.extractall(tmp_path / "folder")
    opened = members(log.draw())
    for place in ("sealed.zip", "folder"):
        out = tmp_path / f"out-{place}"
        opening.open_bundle(tmp_path / place, log.recovery.private, out, lambda count: None)
        for name, whole in opened.items():
            if name.startswith(("attachments/", "records/")):
                assert (out / name).read_bytes() == whole, name


def test_a_file_that_is_not_the_records_is_found(log: Log, tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(log.draw())) as read:
        read.extractall(tmp_path)
    victims = sorted([*tmp_path.glob("attachments/*"), tmp_path / "records/1.eml", tmp_path / "records/4.eml"])
    for victim in victims:
        good = victim.read_bytes()
        for bad in (good[:-3] + b"xyz", good + b"x", b""):
            victim.write_bytes(bad)
            with pytest.raises(NotVerified):
                _verify_folder(tmp_path, log)
        victim.write_bytes(good)
    _verify_folder(tmp_path, log)
    (tmp_path / "attachments" / "another.pdf").write_bytes(b"x")
    with pytest.raises(NotVerified):
        _verify_folder(tmp_path, log)


def _verify_folder(folder: Path, log: Log) -> None:

    check.verify(container.Unpacked(folder), log.vkey)


def test_a_portal_that_signs_for_another_sealed_file_is_found_without_any_key(log: Log) -> None:
    """The manifest is signed over what is wrong; the leaf is not."""
    pk = next(iter(log.files))
    plain, sealed = log.files[pk]
    log.files[pk] = (plain, sealed[:-1] + bytes([sealed[-1] ^ 1]))
    with pytest.raises(NotVerified, match=f"blobs/{pk} was changed"):
        verify(log.draw(sealed=True), log.vkey)
    log.files[pk] = (plain, sealed)
    index = next(index for index, kept in log.kept.items() if pk.encode() in kept.box)
    good = json.loads(log.kept[index].box)
    (one, *others), last = good["blobs"], max(log.files)
    kept_box = log.kept[index].box
    for told in (
        others,
        [{**one, "sha256": "0" * 64}, *others],
        [*good["blobs"], {**one, "id": last}],
    ):
        value = {**good, "blobs": told} if told else {name: part for name, part in good.items() if name != "blobs"}
        log.kept[index].box = boxed.write_sealed(value)
        with pytest.raises(NotVerified, match="its files are not those"):
            verify(log.draw(sealed=True), log.vkey)
    log.kept[index].box = kept_box
