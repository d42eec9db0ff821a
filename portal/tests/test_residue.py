"""T4, after its end: the bucket is over, and who has the disk, the master key, the keyring as it is and as it was before,
and every row there ever was (heap, WAL, dumps), opens nothing (I2). Beside `test_canary` and later in the alphabet, so that
the minute of the bucket passes while other tests run."""

import json
from base64 import urlsafe_b64decode
from uuid import UUID

from portal.sealing import aead, errors, message, record, wheel
from portal.sealing.keyring import live
from portal.testing import thief
from portal.testing.installation import until
from portal.testing.search import Finder
from portal.tests.conftest import Planted, wait_for_buckets
from portal.tests.test_canary import look_everywhere


def business_keys(planted: Planted, files: dict[str, bytes]) -> dict[str, bytes]:
    business = UUID(planted.business.id)
    return thief.names_of(files[f"business/{business.hex}.ring"], planted.installation.master_key, business)


def test_after_its_bucket_nothing_on_disk_opens_it(planted, tmp_path):
    last = wait_for_buckets(planted)
    house, master, rows = planted.installation, planted.installation.master_key, planted.rows
    now = thief.copy_of(house.keyring)
    salts = [business_keys(planted, files)["business"] for files in (planted.before, planted.during)]
    assert len(rows) >= 60, "rows were stolen while they lived"

    # With the key of the moment the same thief opens every single row: he knows his trade.
    then = thief.bucket_keys(planted.during["live.ring"], master)
    opened = [thief.opens(row, [then[row.bucket]], salts[:1]) for row in rows]
    assert all(one is not None and planted.mark.encode() in one for one in opened)

    # With everything else, old and new: nothing. A bucket that is over is in no image; every window is tried as a key.
    images = [(files["live.ring"], live.FILE_ID) for files in (planted.before, now)]
    images += [
        (files[f"business/{UUID(planted.business.id).hex}.ring"], b"business/" + UUID(planted.business.id).bytes)
        for files in (planted.before, planted.during, now)
    ]
    dead = {row.bucket for row in rows}
    assert not dead & set(thief.bucket_keys(now["live.ring"], master)), f"keys of {dead} live after {last}"
    candidates = list(dict.fromkeys(thief.carved(images, master)))
    one_of_each = list({row.bucket: row for row in rows}.values()) + rows[:2]
    found = [row.message for row in one_of_each if thief.opens(row, candidates, salts[:1])]
    told = f"{len(rows)} rows, {len(dead)} buckets, {len(candidates)} carved keys tried"
    print(told)
    assert found == [], told

    # And the keys themselves, known to this test alone, stand nowhere: no file, no WAL, no dump, no slot.
    finder = Finder(true_keys(rows, then, salts[0]) + keys_of_files(opened), is_text=False)
    look_everywhere(planted, finder, tmp_path)
    for image, file_id in images:
        for plain in thief.carve.find_plain(image, master, file_id):
            finder.look("opened slot", plain)
    assert dict(finder.found) == {}, f"{finder.bytes / 1e6:.0f} MB searched for {len(finder.names)} shapes of keys"


def keys_of_files(opened: list[bytes | None]) -> list[bytes]:
    """As they stood in the uploads that waited, and in the messages that have the files."""
    held = [json.loads(one or b"{}") for one in opened]
    entries = [one for one in held if "key" in one] + [file for one in held for file in one.get("attachments", [])]
    assert len(entries) >= 4, "no file was planted"
    return list({urlsafe_b64decode(one["key"]) for one in entries})


def true_keys(rows: list[thief.Stolen], then: dict[int, bytes], salt: bytes) -> list[bytes]:
    keys = [then[bucket] for bucket in {row.bucket for row in rows}]
    keys += [wheel.wheel_key(then[bucket], salt, bucket) for bucket in {row.bucket for row in rows}]
    for row in (rows[0], rows[-1]):
        wheel_key = wheel.wheel_key(then[row.bucket], salt, row.bucket)
        head = row.wrap[: message.HEADER.size]
        aad = message.WRAP_LABEL + head + row.message.bytes
        keys.append(aead.open_(wheel_key, row.wrap[message.HEADER.size :], aad))
    return keys


def test_the_residue_is_real(planted):
    """The old rows are still in WAL after the end: what makes the key's destruction matter."""
    wait_for_buckets(planted)
    finder = Finder([planted.rows[0].wrap, planted.rows[0].sealed[:64]], is_text=False)
    finder.look_in(planted.installation.postgres.cluster / "pg_wal")
    assert finder.found, "the sealed row is not in WAL: the test of decryption would search an empty house"


def test_the_rows_are_purged_and_told_once(planted):
    """The clock deleted the bodies; the archive has every message; no body of an ended one is left."""
    wait_for_buckets(planted)
    schema, house = planted.business.schema, planted.installation
    count = f'SELECT count(*) FROM "{schema}".messaging_body WHERE gone_at <= now()'
    until(lambda: house.rows(count)[0][0] == 0, 20, "ended bodies stayed")
    ids = [row.message for row in planted.rows]
    sent = f'SELECT count(*) FROM "{schema}".messaging_message WHERE id = ANY(%s) AND sent_at IS NOT NULL'
    kept = f'SELECT count(*) FROM "{schema}".archive_record WHERE message_id = ANY(%s)'
    assert house.rows(sent, ids) == house.rows(kept, ids)


def test_the_archive_is_shut_to_who_has_the_disk(planted):
    """Master key, business ring and rows: the outer wrap peels, the inner one opens for no key there is."""
    house, business = planted.installation, UUID(planted.business.id)
    names = business_keys(planted, thief.copy_of(house.keyring))
    rows = house.rows(
        "SELECT message_id, batch_id, disposal_bucket, sealed, outer_wrap FROM "
        f'"{planted.business.schema}".archive_record WHERE message_id = ANY(%s) LIMIT 3', [planted.rows[0].message]
    )  # fmt: skip
    assert rows
    images = [(planted.during["live.ring"], live.FILE_ID)]
    images.append((planted.during[f"business/{business.hex}.ring"], b"business/" + business.bytes))
    candidates = list(dict.fromkeys(thief.carved(images, house.master_key)))
    for pk, batch, bucket, _, outer in rows:
        place = {"business": business, "record": pk, "batch": batch}
        inner = record.peel(names[f"disposal/{bucket}"], outer, **place, disposal_bucket=bucket)
        aad = record.VERSION + record.INNER_LABEL + business.bytes + pk.bytes + batch.bytes
        assert not [1 for key in candidates if _opens(key, inner[1:], aad)], f"{len(candidates)} keys tried"


def _opens(key: bytes, box: bytes, aad: bytes) -> bool:
    try:
        aead.open_(key, box, aad)
    except errors.Unsealable:
        return False
    return True


def test_verify_archive_accepts_what_is_left(planted):
    done = planted.installation.manage("verify_archive", check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
