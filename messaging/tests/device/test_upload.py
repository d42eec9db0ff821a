"""Files that a customer sends: uploaded with a proof over every byte, by what they are, used by this device only, once."""

import io
import json
from datetime import timedelta

import pytest
from PIL import Image

from archive.models import Blob, Record
from messaging.flows import conversation, device, wipe
from messaging.models import Message
from messaging.rules import files
from messaging.tests.device.phone import Phone, aside
from portal.kernel import actors, clock, ids, tenancy
from portal.testing import browser

pytestmark = pytest.mark.ahead  # for the last one
PDF = b"%PDF-1.7\n" + b"1 0 obj <<>> endobj\n" * 20 + b"startxref\n0\n%%EOF\n"
PATH = "/inbox/attachments"


def picture() -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize((40, 30)).convert("RGB").save(out, "PNG")
    return out.getvalue()


def form(data: bytes, name: str = "scan.pdf", part: str = "file", times: int = 1) -> bytes:
    head = f'Content-Disposition: form-data; name="{part}"; filename="{name}"\r\nContent-Type: text/plain\r\n\r\n'
    return b"".join(b"--b\r\n" + head.encode() + data + b"\r\n" for _ in range(times)) + b"--b--\r\n"


def upload(
    phone: Phone, data: bytes = PDF, name: str = "scan.pdf", raw: bytes | None = None, signed: bytes | None = None
):
    body = form(data, name) if raw is None else raw
    headers = {"Ebb-Proof": phone.proof(phone.nonce(), "POST", PATH, body if signed is None else signed)}
    return phone.client.generic("POST", PATH, body, content_type="multipart/form-data; boundary=b", headers=headers)


def write(phone: Phone, customer: object, *uploads: str, body: str = "see the file"):
    return phone.ask("POST", "/inbox/messages", {"for": str(customer), "body": body, "attachments": list(uploads)})


@pytest.fixture
def pair(cast):
    customer = cast.customer()
    return customer, cast.phone(customer)


async def test_over_the_socket_files_may_come_without_words(cast, open_hub) -> None:
    customer = await aside(cast.customer)
    phone = await aside(cast.phone, customer)
    wire, _ = await phone.online()
    up = (await aside(upload, phone)).json()["id"]
    await wire.say(type="write", **{"for": str(customer)}, body="", attachments=[up])
    told = [await wire.frame() for _ in range(2)]
    assert {one["type"] for one in told} == {"accepted", "message"}
    [shown] = [one["message"] for one in told if one["type"] == "message"]
    assert (shown["body"], [one["id"] for one in shown["attachments"]]) == ("", [up])
    for bad in ("x", [1], ["x"], [up, None]):
        await wire.say(type="write", **{"for": str(customer)}, body="x", attachments=bad)
        assert (await wire.until("error"))["code"] == "malformed"
    await wire.say(type="write", **{"for": str(customer)}, body="", attachments=[])
    assert (await wire.until("error"))["code"] == "empty_body"
    await wire.say(type="write", **{"for": str(customer)}, body="again", attachments=[up])
    assert (await wire.until("error"))["code"] == "attachment_used"
    await wire.hang_up()


def test_an_upload_is_of_one_device_of_one_business(cast, acme, globex, pair) -> None:
    customer, phone = pair
    up = upload(phone).json()["id"]
    other = cast.customer()
    assert write(cast.phone(other), other, up).json()["code"] == "unknown_attachment"
    assert write(cast.phone(customer), customer, up).json()["code"] == "unknown_attachment"  # another one of theirs
    assert write(phone, other, up).status_code == 404  # nobody this device serves
    person = globex.customer()
    foreign = globex.handset(person)
    raw = json.dumps({"for": str(person), "body": "x", "attachments": [up]}).encode()
    client = browser.visitor(globex)
    client.cookies["__Host-ebb-device"] = foreign.cookie
    proof = foreign.http_proof(client.get("/inbox/nonce").json()["nonce"], "POST", "/inbox/messages", raw)
    answer = client.post("/inbox/messages", raw, content_type="application/json", headers={"Ebb-Proof": proof})
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_attachment")
    staff = browser.program(acme).post(
        "/api/v1/messages", json.dumps({"customer": str(customer), "body": "x", "attachments": [up]}),
        content_type="application/json",
    )  # fmt: skip
    assert staff.json()["code"] == "unknown_attachment"
    assert write(phone, customer, up).status_code == 201  # all the while it waited for its own


def test_a_file_is_what_it_is_and_not_what_it_is_called(cast, pair) -> None:
    _, phone = pair
    for data, name, code in (
        (b"MZ\x90\x00 a program", "holiday.jpg", "unknown_file_type"), (b"<svg onload=alert(1)>", "a.png", "unknown_file_type"),
        (b"%PDF-1.7\nnot whole", "a.pdf", "bad_pdf"), (picture()[:60], "a.png", "bad_picture"), (b"", "a.pdf", "empty_file"),
    ):  # fmt: skip
        answer = upload(phone, data, name)
        assert (answer.status_code, answer.json()["code"]) == (422, code), name
    assert upload(phone, picture(), "letter.pdf").json()["name"] == "letter.pdf.png"
    large = upload(phone, PDF + b" " * files.MOST_BYTES)
    assert (large.status_code, large.json()["code"]) == (413, "file_too_large")


def test_the_proof_is_over_every_byte(cast, pair) -> None:
    _, phone = pair
    assert upload(phone, signed=form(PDF, "other.pdf")).status_code == 401
    assert upload(phone, signed=form(PDF + b"\n")).status_code == 401
    for raw in (form(PDF, times=2), form(PDF, part="other"), b"", b"--b--\r\n"):
        answer = upload(phone, raw=raw)
        assert (answer.status_code, answer.json()["code"]) == (400, "one_file")
    assert upload(phone, raw=b"no form at all").status_code == 400


def test_a_device_has_twenty_waiting_and_sends_five(cast, pair) -> None:
    customer, phone = pair
    ups = [upload(phone).json()["id"] for _ in range(files.MOST_WAITING)]
    assert (upload(phone).status_code, upload(phone).json()["code"]) == (429, "too_many_uploads")
    answer = write(phone, customer, *ups[:6])
    assert (answer.status_code, answer.json()["code"]) == (422, "too_many_attachments")
    assert write(phone, customer, *ups[:5]).status_code == 201
    assert upload(phone).status_code == 201
    bad = phone.ask("POST", "/inbox/messages", {"for": str(customer), "body": "x", "attachments": "ab"})
    assert (bad.status_code, bad.json()["code"]) == (400, "malformed_request")


@pytest.mark.parametrize("end", ["locked", "wiped", "signed out"])
def test_a_device_that_is_over_uploads_and_sends_nothing(cast, inside, end) -> None:
    customer = cast.customer()
    phone = cast.phone(customer)
    up = upload(phone).json()["id"]
    at = {"actor": actors.SYSTEM, "now": clock.now(), "device_id": ids.parse_uuid(phone.id)}
    if end == "locked":
        inside(device.lock, **at)
    elif end == "wiped":
        inside(wipe.request, **at)
    else:
        inside(device.revoke, **at)
    assert upload(phone).status_code in {401, 403}
    assert write(phone, customer, up).status_code in {401, 403}
    with tenancy.tenant_scope(cast.acme):
        assert not Message.objects.filter(customer_id=customer).exists()


def test_an_upload_that_waited_too_long_is_gone(cast, pair) -> None:
    customer, phone = pair
    up = upload(phone).json()["id"]
    at = clock.Fake(clock.now())
    at.advance(seconds=180)  # and no clock carried it
    with clock.use(at):
        answer = write(phone, customer, up)
    assert (answer.status_code, answer.json()["code"]) == (410, "attachment_gone")


def test_staff_see_it_and_a_stranger_does_not(cast, acme, globex, pair) -> None:
    customer, phone = pair
    up = upload(phone).json()["id"]
    sent = write(phone, customer, up).json()["id"]
    path = f"/console/messages/{sent}/attachments/{up}"
    assert b"".join(browser.staff(acme, "author").post(path).streaming_content) == PDF
    assert browser.staff(globex, "author").post(path).status_code == 404
    stranger = cast.phone()
    assert stranger.ask("GET", f"/inbox/messages/{sent}/attachments/{up}").status_code == 404


def test_what_a_customer_sends_is_seen_by_both_sides_archived_and_goes_with_the_message(
    cast, acme, inside, pair
) -> None:
    customer, phone = pair
    up = upload(phone, picture(), "rash.png")
    assert (up.status_code, up.json()["name"], up.json()["type"]) == (201, "rash.png", "image/png")
    sent = write(phone, customer, up.json()["id"])
    assert sent.status_code == 201, sent.content
    [mine] = phone.ask("GET", "/inbox/state").json()["messages"]
    assert mine["attachments"] == [up.json()]
    shown = phone.ask("GET", f"/inbox/messages/{sent.json()['id']}/attachments/{up.json()['id']}")
    assert b"".join(shown.streaming_content).startswith(b"\x89PNG")
    talk = _talk(cast, customer)
    page = browser.staff(acme, "author").get(f"/console/conversations/{talk}/").content.decode()
    assert "rash.png" in page
    wrote = ids.parse_uuid(sent.json()["id"])
    with tenancy.tenant_scope(cast.acme):
        assert [str(pk) for pk in Record.objects.get(message_id=wrote).blobs] == [up.json()["id"]]
        ends = conversation.close(actor=acme.author, now=clock.now(), conversation_id=ids.parse_uuid(talk))
    path = f"/inbox/messages/{wrote}/attachments/{up.json()['id']}"
    at = clock.Fake(ends - timedelta(seconds=1))
    with clock.use(at):
        assert phone.ask("GET", path).status_code == 200
        at.advance(seconds=1)
        assert phone.ask("GET", path).status_code == 404
    with tenancy.tenant_scope(cast.acme):
        assert Blob.objects.filter(id=up.json()["id"], bucket__isnull=True).exists()  # the record's, no upload any more


def _talk(cast, customer) -> str:
    with tenancy.tenant_scope(cast.acme):
        return str(
            Message.objects.filter(customer_id=customer, direction="in").values_list("conversation_id", flat=True)[0]
        )
