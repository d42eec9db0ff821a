"""Static files: compressed, kept for good under an address that names them, and nothing else of the disk."""

import asyncio
import gzip
from typing import Any

import pytest

from portal.web import statics

NAME = "js/inbox/main.js"


def ask(path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """→ status, headers, body; what is no file here is answered 999 by whoever stands behind."""
    sent: list[dict[str, Any]] = []

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 999, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "headers": given}
    asyncio.run(statics.Statics(behind)(scope, None, send))
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], told, sent[1]["body"]


def test_a_file_under_its_version_is_kept_for_good_and_compressed():
    plain = statics.load(NAME).body
    status, headers, body = ask(f"/static/{statics.version()}/{NAME}", accept_encoding="br, gzip")
    assert status == 200
    assert gzip.decompress(body) == plain
    assert "immutable" in headers["cache-control"]
    assert headers["content-encoding"] == "gzip"
    assert headers["content-type"] == "text/javascript; charset=utf-8"
    assert headers["x-content-type-options"] == "nosniff"
    assert int(headers["content-length"]) == len(body) < len(plain) / 2
    assert ask(f"/static/{statics.version()}/{NAME}")[2] == plain


@pytest.mark.parametrize("prefix", ["", "0123456789ab/"])
def test_another_version_is_answered_and_not_kept(prefix):
    status, headers, _ = ask(f"/static/{prefix}{NAME}")
    assert status == 200
    assert headers["cache-control"] == "public, max-age=60"


def test_what_a_browser_has_is_not_sent_again():
    tag = ask(f"/static/{NAME}")[1]["etag"]
    assert ask(f"/static/{NAME}", if_none_match=f'"x", {tag}')[0] == 304
    assert ask(f"/static/{NAME}", if_none_match='"x"')[0] == 200
    assert ask(f"/static/{NAME}", method="HEAD")[2] == b""


@pytest.mark.parametrize(
    "path", ["/static/../settings.py", "/static/js/../../../settings.py", "/static/", "/static/js", "/static//etc/passwd",
             "/static/js/nothing.js", "/statics/js/keys.js", f"/{NAME}", "/static/0123456789ab/../../settings.py"],
)  # fmt: skip
def test_nothing_else_is_opened(path):
    assert ask(path)[0] == 999


def test_a_post_is_not_for_us():
    assert ask(f"/static/{NAME}", method="POST")[0] == 999


def test_a_script_names_all_that_it_imports():
    found = statics.modules("js/inbox/inbox.js")
    assert found[0] == "js/inbox/inbox.js"
    assert {"js/inbox/main.js", "js/inbox/proof.js", "js/ring.js", "js/clock.js"} <= set(found)
    assert len(found) == len(set(found))
    assert not [name for name in found if "/words/" in name], "only the book that is needed is fetched"


def test_a_change_of_any_file_is_another_version(tmp_path, monkeypatch):
    before = statics.version()
    (tmp_path / "a.js").write_text("1")
    monkeypatch.setattr(statics, "_files", lambda: {"a.js": tmp_path / "a.js"})
    monkeypatch.setattr(statics, "HOUSE", tmp_path)
    one = statics.version.__wrapped__()
    (tmp_path / "a.js").write_text("2")
    assert len({before, one, statics.version.__wrapped__()}) == 3
