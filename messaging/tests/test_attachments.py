"""Files at the doors: what may be attached, by whom, who sees it, until when; and what of a picture is kept."""

import io
import json
import struct
import time
import zlib
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image, PngImagePlugin

from archive.models import Blob, Entry, Record
from messaging.flows import attachment, body, download, message, schedule
from messaging.models import Body, Message
from messaging.rules import files, pictures
from messaging.rules.compose import Compose
from portal.kernel import clock, ids
from portal.kernel.errors import Refusal
from portal.testing import browser

MARK = b"kqzvwhereitwastaken"
PDF = b"%PDF-1.7\n" + b"1 0 obj <<>> endobj\n" * 20 + b"startxref\n0\n%%EOF\n"


def picture(kind="PNG", size=(40, 30), **options):
    out = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(out, kind, **options)
    return out.getvalue()


def upload(cast, data, name="scan.pdf", **headers):
    return browser.program(cast, **headers).post("/api/v1/attachments", {"file": SimpleUploadedFile(name, data)})


def post(cast, path, value):
    return browser.program(cast).post(f"/api/v1/{path}", json.dumps(value), content_type="application/json")


def sent_with(cast, *uploads, customer=None, **more):
    asked = {
        "customer": str(customer or cast.customer()),
        "body": "see the file",
        "gone_after": 3600,
        "attachments": list(uploads),
    }
    return post(cast, "messages", {**asked, **more})


def content_of(cast, message_id):
    with cast.inside():
        row, stored = Message.objects.get(id=message_id), Body.objects.get(message_id=message_id)
        return body.open_(body.Row(row.id, row.customer_id, stored.wrap, stored.sealed))


# ── what may be attached ──────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("kind", "type_"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp"), ("GIF", "image/gif")]
)
def test_a_picture_is_drawn_anew_and_says_nothing_more(kind, type_):
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = MARK.decode(), 6
    exif.get_ifd(0x8825)[2] = (52.0, 22.0, 0.0)
    options = {} if kind == "GIF" else {"exif": exif}
    if kind == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_text("Comment", MARK.decode())
    given = picture(kind, **options) + MARK
    found, kept = files.checked(given)
    assert found == type_
    assert MARK not in kept
    with Image.open(io.BytesIO(kept)) as again:
        assert again.format == kind
        assert again.size == ((40, 30) if kind == "GIF" else (30, 40))  # it stands upright now
        assert not again.getexif()
        assert not {"exif", "icc_profile", "Comment", "comment"} & set(again.info)


def test_a_moving_picture_still_moves():
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "green", "blue")]
    for kind in ("GIF", "WEBP"):
        out = io.BytesIO()
        frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=[100, 200, 300], loop=0)
        with Image.open(io.BytesIO(files.checked(out.getvalue())[1])) as again:
            assert again.n_frames == 3


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width, height, extra=b"", idat=b""):
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", idat) + chunk(b"IEND", b"")


def bombs():
    jpeg = picture("JPEG", (4000, 4000), progressive=True)
    last = jpeg.rfind(b"\xff\xda")
    gif = b"GIF89a" + struct.pack("<HHBBB", 9, 9, 0, 0, 0)
    wide = b"GIF89a" + struct.pack("<HHBBB", 9000, 4000, 0, 0, 0)
    frame = b"\x2c" + struct.pack("<4HB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    return {
        "50,000 x 50,000": (png(50_000, 50_000, idat=zlib.compress(b"\0" * 10**7)), "picture_too_large"),
        "800,000 parts": (png(9, 9, chunk(b"tEXt", b"") * 800_000), "bad_picture"),
        "a text of 200 MB": (png(9, 9, chunk(b"zTXt", b"a\0\0" + zlib.compress(b"\0" * (2 * 10**8)))), "bad_picture"),
        "500,000 frames": (gif + frame * 500_000 + b";", "picture_too_large"),
        "frames of a large one": (wide + frame * 9 + b";", "picture_too_large"),
        "blocks of one byte": (gif + b"\x21\xfe" + b"\x01a" * 4_900_000, "bad_picture"),
        "5,000 scans": (jpeg[:last] + jpeg[last : last + 20] * 5_000 + b"\xff\xd9", "picture_too_large"),
        "2,000,000 segments": (b"\xff\xd8" + b"\xff\xfe\x00\x02" * 2_000_000, "bad_picture"),
    }  # fmt: skip


def test_bombs_are_refused_within_a_second():
    for name, (data, code) in bombs().items():
        started = time.perf_counter()
        with pytest.raises(Refusal) as refused:
            files.checked(data)
        assert refused.value.code == code, name
        assert time.perf_counter() - started < 1, name


NO_FILES = {
    "empty_file": [b""],
    "unknown_file_type": [b"MZ" + b"\0" * 100, b"<svg onload=x>", b"<html>", b"PK\x03\x04"],
    "bad_pdf": [b"%PDF-1.7 hello", b"%PDF-x" + PDF, PDF + b"<html>" * 500],
    "bad_picture": [b"\x89PNG\r\n\x1a\n", picture()[:60], b"GIF89a", b"\xff\xd8\xff\xd9", b"RIFF\0\0\0\0WEBP"],
    "file_too_large": [b"a" * (10 * 2**20 + 1)],
}


@pytest.mark.parametrize("code", NO_FILES)
def test_what_is_no_such_file_is_refused(acme, code):
    for data in NO_FILES[code]:
        answer = upload(acme, data)
        assert answer.json()["code"] == code
        assert answer.status_code in {413, 422}


@pytest.mark.parametrize(("given", "kind", "kept"), [
    ("scan.PDF", files.PDF, "scan.PDF"), ("photo.heic", "image/jpeg", "photo.heic.jpg"), ("a.jpeg", "image/jpeg", "a.jpeg"),
    ("../../etc/passwd", files.PDF, "passwd.pdf"), ("C:\\x\\y.png", "image/png", "y.png"), ("", files.PDF, "file.pdf"),
    ("\u202egpj.exe", "image/png", "gpj.exe.png"), ("a\r\nb.pdf", files.PDF, "ab.pdf"), (".pdf", files.PDF, "file.pdf"),
    ("Ärzte brief.pdf", files.PDF, "Ärzte brief.pdf"), ("x" * 300 + ".pdf", files.PDF, "x" * 100 + ".pdf"),
])  # fmt: skip
def test_a_name_is_one_line_and_ends_as_its_type(given, kind, kept):
    assert files.name_of(given, kind) == kept


# ── uploads ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_an_upload_answers_and_leaves_nothing_plain(acme, tmp_path, settings):
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    large = PDF[:9] + b"0 0 obj\n" * 400_000 + PDF[9:]
    answer = upload(acme, large)
    assert answer.status_code == 201, answer.content
    assert answer.json() == {"id": answer.json()["id"], "type": "application/pdf", "bytes": len(large)}
    assert list(tmp_path.iterdir()) == []
    with acme.inside():
        assert b"0 0 obj" not in bytes(Blob.objects.get(id=answer.json()["id"]).sealed)


def test_the_same_key_gives_the_same_upload(acme):
    data = {
        "data": b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n' + PDF + b"\r\n--b--\r\n"
    }
    client = browser.program(acme, HTTP_IDEMPOTENCY_KEY=ids.token())
    first, second = (
        client.post("/api/v1/attachments", **data, content_type="multipart/form-data; boundary=b") for _ in range(2)
    )
    assert first.status_code == second.status_code == 201, first.content
    assert first.json() == second.json()


def test_one_file_in_a_form_or_nothing(acme):
    client = browser.program(acme)
    two = {"file": [SimpleUploadedFile("a.pdf", PDF), SimpleUploadedFile("b.pdf", PDF)]}
    for answer in (
        client.post("/api/v1/attachments", two), client.post("/api/v1/attachments", {"other": SimpleUploadedFile("a.pdf", PDF)}),
        client.post("/api/v1/attachments", {"file": "text"}),
    ):  # fmt: skip
        assert (answer.status_code, answer.json()["code"]) == (400, "one_file")
    assert client.post("/api/v1/attachments", b"{}", content_type="application/json").status_code == 415


# ── sending ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_file_goes_with_its_message_and_is_archived_with_it(acme):
    up = upload(acme, PDF, "Befund.pdf").json()
    sent = sent_with(acme, up["id"])
    assert sent.status_code == 201, sent.content
    (entry,) = content_of(acme, sent.json()["id"])["attachments"]
    assert (entry["id"], entry["name"], entry["type"], entry["bytes"]) == (
        up["id"],
        "Befund.pdf",
        "application/pdf",
        len(PDF),
    )
    with acme.inside():
        assert [str(pk) for pk in Record.objects.get(message_id=sent.json()["id"]).blobs] == [up["id"]]
        leaf = bytes(Entry.objects.get(message_id=sent.json()["id"], kind="message.sent").leaf)
        assert b"Befund" not in leaf
        assert up["id"].encode() not in leaf
    again = sent_with(acme, up["id"])
    assert (again.status_code, again.json()["code"]) == (409, "attachment_used")


def test_a_batch_stores_its_file_once(acme):
    up = upload(acme, PDF).json()["id"]
    asked = {"body": "all of you", "gone_after": 3600, "attachments": [up]}
    batch = [{**asked, "customer": str(acme.customer())} for _ in range(3)] + [{**asked, "customer": str(ids.uuid7())}]
    results = post(acme, "messages/batch", {"messages": batch}).json()["results"]
    assert [one.get("code") for one in results] == [None, None, None, "unknown_customer"]
    entries = [content_of(acme, one["id"])["attachments"][0] for one in results[:3]]
    assert entries[0] == entries[1] == entries[2]
    with acme.inside():
        assert Record.objects.filter(blobs__contains=[up]).count() == 3
        assert Blob.objects.filter(id=up).count() == 1


@pytest.mark.parametrize(("more", "code"), [
    ({"gone_after": 59}, "lifetime_too_short"), ({"attachments": [str(ids.uuid7())]}, "unknown_attachment"),
    ({"attachments": [str(ids.uuid7())] * 6}, "too_many_attachments"), ({"body": ""}, "empty_body"),
])  # fmt: skip
def test_what_was_refused_uses_no_upload_up(acme, more, code):
    up = upload(acme, PDF).json()["id"]
    refused = sent_with(acme, up, **more)
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert sent_with(acme, up).status_code == 201


def test_somebody_elses_upload_is_not_there(acme, globex):
    up = upload(globex, PDF).json()["id"]
    assert sent_with(acme, up).json()["code"] == "unknown_attachment"
    with acme.inside():
        mine = attachment.upload(actor=acme.author, now=clock.now(), name="a.pdf", data=PDF).id
        with pytest.raises(Refusal) as refused:
            message.send(
                actor=acme.owner,
                now=clock.now(),
                asked=Compose(body="x", customer=acme.customer(), attachments=(mine,)),
            )
        assert refused.value.code == "unknown_attachment"
        with pytest.raises(Refusal) as refused:
            attachment.upload(actor=acme.officer, now=clock.now(), name="a.pdf", data=PDF)
        assert refused.value.code == "not_allowed"


def test_a_scheduled_message_keeps_its_file_until_it_is_sent(acme, at):
    up = upload(acme, PDF).json()["id"]
    sent = sent_with(acme, up, send_at=clock.text(clock.now() + timedelta(hours=30))).json()
    at.advance(hours=30, minutes=1)
    with acme.inside():
        from archive.flows import blob

        blob.sweep(now=clock.now())
        schedule.send_due(now=clock.now())
        assert [str(pk) for pk in Record.objects.get(message_id=sent["id"]).blobs] == [up]
        assert blob.read(content_of(acme, sent["id"])["attachments"][0]) == PDF


def test_a_customer_may_attach_too(acme):
    person = acme.customer()
    actor = acme.actor_of(acme.handset(person), person)
    with acme.inside():
        up = attachment.upload(actor=actor, now=clock.now(), name="rash.png", data=picture())
        wrote = message.receive(actor=actor, now=clock.now(), customer_id=person, text="this", attachments=(up.id,))
        assert Record.objects.get(message_id=wrote).blobs == [up.id]
        shown = download.to_staff(actor=acme.author, now=clock.now(), message_id=wrote, file_id=up.id)
        assert b"".join(shown.parts).startswith(b"\x89PNG")
        assert Entry.objects.filter(kind="live.read", message_id=wrote).count() == 1


# ── seeing it ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def arrived(acme):
    """A customer's handset, a message with a picture and a PDF, and their ids."""
    person = acme.customer()
    phone = acme.handset(person)
    ups = [upload(acme, picture(), "a.png").json()["id"], upload(acme, PDF, "b.pdf").json()["id"]]
    sent = sent_with(acme, *ups, customer=person, gone_after=120)
    return phone, sent.json()["id"], ups


def fetch(cast, phone, path, cookie=True):
    client = browser.visitor(cast)
    if cookie:
        client.cookies["__Host-ebb-device"] = phone.cookie
    nonce = client.get("/inbox/nonce").json().get("nonce", "")
    return client.get(path, headers={"Ebb-Proof": phone.http_proof(nonce, "GET", path)})


def test_a_device_is_told_of_files_without_their_keys_and_fetches_them(acme, arrived):
    phone, message_id, ups = arrived
    state = fetch(acme, phone, "/inbox/state").json()
    (told,) = [m["attachments"] for m in state["messages"] if m["id"] == message_id]
    assert [sorted(one) for one in told] == [["bytes", "id", "name", "type"]] * 2
    image, pdf = (fetch(acme, phone, f"/inbox/messages/{message_id}/attachments/{pk}") for pk in ups)
    assert b"".join(image.streaming_content).startswith(b"\x89PNG")
    assert b"".join(pdf.streaming_content) == PDF
    assert (image["Content-Type"], pdf["Content-Type"]) == ("image/png", "application/pdf")
    assert pdf["Content-Disposition"] == 'attachment; filename="b.pdf"'
    for answer in (image, pdf):
        assert answer["Cache-Control"] == "no-store"
        assert answer["X-Content-Type-Options"] == "nosniff"


def test_without_a_proof_of_a_device_that_has_the_message_there_is_nothing(acme, globex, arrived):
    phone, message_id, ups = arrived
    path = f"/inbox/messages/{message_id}/attachments/{ups[0]}"
    assert fetch(acme, phone, path, cookie=False).status_code == 401
    client = browser.visitor(acme)
    client.cookies["__Host-ebb-device"] = phone.cookie
    assert client.get(path).status_code == 401
    other = acme.handset(acme.customer())
    assert fetch(acme, other, path).status_code == 404
    elsewhere = globex.handset(globex.customer())
    assert fetch(globex, elsewhere, path).status_code == 404
    assert fetch(acme, phone, f"/inbox/messages/{message_id}/attachments/{ids.uuid7()}").status_code == 404


def test_what_waits_for_a_tap_gives_no_file(acme):
    person = acme.customer()
    phone = acme.handset(person)
    up = upload(acme, PDF).json()["id"]
    message_id = sent_with(acme, up, customer=person, tap_to_reveal=True).json()["id"]
    path = f"/inbox/messages/{message_id}/attachments/{up}"
    state = fetch(acme, phone, "/inbox/state").json()
    assert [m["attachments"] for m in state["messages"] if m["id"] == message_id] == [[]]
    assert fetch(acme, phone, path).status_code == 404
    with acme.inside():
        Message.objects.filter(id=message_id).update(revealed_at=clock.now())
    assert fetch(acme, phone, path).status_code == 200


def test_at_its_end_there_is_no_file_any_more(acme, at, arrived):
    phone, message_id, ups = arrived
    path = f"/inbox/messages/{message_id}/attachments/{ups[1]}"
    at.advance(seconds=119)
    assert fetch(acme, phone, path).status_code == 200
    at.advance(seconds=1)
    assert fetch(acme, phone, path).status_code == 404
    with acme.inside(), pytest.raises(Refusal):
        download.to_staff(
            actor=acme.author, now=clock.now(), message_id=ids.parse_uuid(message_id), file_id=ids.parse_uuid(ups[1])
        )


def test_a_download_breaks_off_at_the_end(acme, at):
    person = acme.customer()
    actor = acme.actor_of(acme.handset(person), person)
    up = upload(acme, PDF[:9] + b"0 0 obj\n" * 40_000 + PDF[9:]).json()["id"]
    message_id = ids.parse_uuid(sent_with(acme, up, customer=person, gone_after=60).json()["id"])
    with acme.inside():
        file = download.to_device(actor=actor, now=clock.now(), message_id=message_id, file_id=ids.parse_uuid(up))
        assert len(next(file.parts)) == 65_536
        at.advance(seconds=60)
        with pytest.raises(Refusal) as refused:
            next(file.parts)
    assert refused.value.code == "gone"


def test_recalled_it_is_gone_at_once(acme, arrived):
    phone, message_id, ups = arrived
    assert post(acme, f"messages/{message_id}/recall", {}).status_code == 200
    assert fetch(acme, phone, f"/inbox/messages/{message_id}/attachments/{ups[0]}").status_code == 404


def test_the_limits_are_those_that_the_docs_say():
    assert (files.MOST_BYTES, pictures.MOST_PIXELS) == (10 * 2**20, 40_000_000)
