"""Exports through their doors: the API over real HTTP, the pages as an officer uses them."""

import io
import zipfile
from pathlib import Path
from uuid import UUID

import pytest

from archive.export import check, container
from archive.flows import drawing
from archive.models import Epoch, Export
from portal.testing import browser


@pytest.fixture(autouse=True)
def _folder(settings, tmp_path):
    settings.EBB_EXPORTS = str(tmp_path / "exports")


def vkey(cast) -> str:
    with cast.inside():
        return Epoch.objects.order_by("-number").first().vkey


def verified(data: bytes, cast):
    return check.verify(container.Zipped(io.BytesIO(data)), vkey(cast)).manifest


def build(cast, found: str) -> None:
    """What the worker does."""
    with cast.inside():
        drawing.build(export_id=UUID(found))


@pytest.fixture(scope="module")
def filled(fresh_cast):
    customer = fresh_cast.customer(name="Anna")
    for number in range(3):
        fresh_cast.send(customer, body=f"kqzv words {number}")
    return fresh_cast


@pytest.fixture(scope="module")
def fresh_cast(house):
    from portal.testing.cast import build as born

    return born("exporting", "Exporting Ltd")


def test_an_export_by_api_is_drawn_and_fetched_over_real_http(filled, running, settings):
    # The web process has a folder of its own settings: what it serves was drawn there.
    settings.EBB_EXPORTS = str(Path(settings.EBB_KEYRING).parent / "exports")
    with running.api(filled) as api:
        asked = api.post("exports", json={"from": 0}, headers={"Idempotency-Key": "once"})
        assert asked.status_code == 202, asked.text
        assert asked.json()["state"] == "building"
        assert api.post("exports", json={"from": 0}, headers={"Idempotency-Key": "once"}).json() == asked.json()
        found = asked.json()["id"]
        assert api.get(f"exports/{found}/download").status_code == 409
        build(filled, found)
        told = api.get(f"exports/{found}").json()
        assert (told["state"], told["records"], told["missing"]) == ("ready", 3, {})
        answer = api.get(told["url"].removeprefix("/api/v1/"))
    assert answer.headers["Content-Type"] == "application/zip"
    assert len(answer.content) == told["bytes"]
    assert verified(answer.content, filled)["sealed"]
    assert b"kqzv" not in answer.content


@pytest.mark.parametrize(("body", "status", "code"), [
    ({"sealed": False}, 422, "export_is_sealed"), ({"query": "kind:x", "from": 1}, 422, "query_or_range"),
    ({"from": "yesterday"}, 422, "bad_from"), ({"to": -1}, 422, "bad_to"), ({"from": 3, "to": "2026-01-01"}, 422, "bad_to"),
    ({"from": 9, "to": 8}, 422, "range_upside_down"), ({"query": "kind:"}, 422, "query_invalid"),
    ({"query": "word"}, 422, "query_needs_key"), ({"from": "2026-02-01", "to": "2026-01-01"}, 422, "range_upside_down"),
    ({"other": 1}, 422, "unknown_field"), ({"from": True}, 422, "bad_from"),
])  # fmt: skip
def test_bad_input_is_told(filled, body, status, code):
    answer = browser.program(filled).post("/api/v1/exports", body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_an_officer_exports_sealed_with_the_form_alone(filled):
    officer = browser.staff(filled, "officer")
    assert officer.get("/console/archive/exports/").status_code == 200
    answer = officer.post("/console/archive/exports/new", {"form": "sealed", "reason": "an audit"})
    assert answer.status_code == 302
    page = answer["Location"]
    assert b"drawn" in officer.get(page).content
    build(filled, page.rstrip("/").rsplit("/", 1)[1])
    drawn = officer.get(page).content.decode()
    assert "How to verify it" in drawn
    assert "No record of the selection is missing" in drawn
    data = b"".join(officer.get(f"{page}download").streaming_content)
    assert verified(data, filled)["counts"]["records"] == 3


def test_an_open_one_is_the_answer_to_the_officers_own_request(filled):
    officer = browser.staff(filled, "officer")
    asked = {"form": "open", "reason": "a complaint"}
    locked = officer.post("/console/archive/exports/new", asked)
    assert locked.status_code == 422
    assert b"The archive is locked" in locked.content
    opened = officer.post("/console/archive/unlock", {"passphrase": filled.passphrase})
    assert opened.status_code == 302
    officer.cookies["__Host-ebb-archive"] = opened.cookies["__Host-ebb-archive"].value
    answer = officer.post("/console/archive/exports/new", asked)
    data = b"".join(answer.streaming_content)
    assert verified(data, filled)["counts"]["records"] == 3
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        assert "kqzv words 1" in read.read("records.jsonl").decode()
    with filled.inside():
        assert Export.objects.order_by("-id").first().state == "streamed"
    assert officer.post("/console/archive/exports/new", {"form": "open", "reason": ""}).status_code == 422


def test_the_passphrase_is_taken_with_what_was_typed(filled):
    officer, path = browser.staff(filled, "officer"), "/console/archive/exports/new"
    asked = {"form": "open", "reason": "a complaint", "after": "2026-01-01"}
    assert b'type="password"' in officer.get(path).content
    wrong = officer.post(path, {**asked, "passphrase": "not the right words"})
    assert wrong.status_code == 422
    assert b'value="a complaint"' in wrong.content
    assert b"not the right words" not in wrong.content
    assert "__Host-ebb-archive" not in officer.cookies
    answer = officer.post(path, {**asked, "after": "", "passphrase": filled.passphrase})
    assert verified(b"".join(answer.streaming_content), filled)["counts"]["records"] == 3
    assert answer.cookies["__Host-ebb-archive"]["httponly"]
    assert answer.cookies["__Host-ebb-archive"]["secure"]
    assert b"The archive is open in this browser" in officer.get(path).content
    nothing = browser.staff(filled, "officer").post(
        path, {"form": "sealed", "reason": "x", "passphrase": filled.passphrase}
    )
    assert "__Host-ebb-archive" not in nothing.cookies


@pytest.mark.parametrize(("values", "words"), [
    ({"after": "2026-05-02", "until": "2026-05-01"}, "ends before it begins"), ({"first": "x"}, "whole number"),
    ({"first": "1", "query": "kind:message.sent"}, "in one way"), ({"query": "words"}, "not by words"),
])  # fmt: skip
def test_what_is_wrong_stands_beside_its_field(filled, values, words):
    answer = browser.staff(filled, "officer").post("/console/archive/exports/new", {"form": "sealed", **values})
    assert answer.status_code == 422
    assert words in answer.content.decode()


def test_the_page_of_mirrors(filled):
    from archive.ledger import note

    officer = browser.staff(filled, "officer")
    assert "No mirror" in officer.get("/console/archive/mirrors/").content.decode()
    wrong = officer.post("/console/archive/mirrors/", {"name": "Cellar", "vkey": "nonsense"})
    assert wrong.status_code == 422
    assert "no mirror" in wrong.content.decode()
    key = note.generate("ebb.mirror/x").verifier.encode()
    assert officer.post("/console/archive/mirrors/", {"name": "Cellar", "vkey": key}).status_code == 302
    page = officer.get("/console/archive/mirrors/").content.decode()
    assert "Cellar" in page
    assert "No receipt yet" in page


def test_whoever_sets_up_a_mirror_gets_its_files_here(filled):
    """The program as it lies in the source, and the log's key as a file that it and the verifier take."""
    from django.conf import settings

    officer, place = browser.staff(filled, "officer"), "/console/archive/mirrors/"
    program = officer.get(f"{place}ebb_mirror.py")
    assert program.content == (settings.BASE_DIR / "deploy/mirror/ebb_mirror.py").read_bytes()
    assert "attachment" in program["Content-Disposition"]
    key = officer.get(f"{place}log.vkey").content.decode()
    assert key == browser.program(filled).get("/api/v1/archive/key").content.decode().strip() + "\n"
    assert key.strip() in officer.get(place).content.decode().replace("&#x2B;", "+")
