"""One planting of canaries for the two modules that search for them: while they live, and after their buckets' end."""

import asyncio
import io
import os
import re
import secrets
import subprocess
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from PIL import Image

from portal.launch.postgres import binaries
from portal.testing import thief
from portal.testing.handset import Handset
from portal.testing.installation import Business, Installation, until
from portal.testing.line import Line

FULL = os.environ.get("EBB_FULL") == "1"
MANY = 10_000 if FULL else 100
LIFE = 3


@dataclass
class Planted:
    """`mark` (32 characters) begins every canary of this run; the words after it say where it was put in."""

    installation: Installation
    mark: str
    business: Business
    before: dict[str, bytes]
    during: dict[str, bytes] = field(default_factory=dict)
    rows: list[thief.Stolen] = field(default_factory=list)
    records: list[tuple[object, ...]] = field(default_factory=list)
    address: str = ""
    phone: Handset | None = None

    def word(self, place: str) -> str:
        return f"{self.mark}{place}"

    def dump(self, folder: Path) -> Path:
        """What pg_dump writes: every row as text, whatever was compressed or out of line."""
        made = folder / "dump.sql"
        url = self.installation.postgres.url(role="ebb_admin")
        done = subprocess.run([binaries() / "bin" / "pg_dump", "--file", made, url], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        return made

    def steal_rows(self) -> None:
        """Every body there is, at this moment: what WAL, heap and old dumps go on holding."""
        schema = self.business.schema
        found = self.installation.rows(
            f'SELECT b.message_id, m.customer_id, b.bucket, b.wrap, b.sealed FROM "{schema}".messaging_body b '
            f'JOIN "{schema}".messaging_message m ON m.id = b.message_id WHERE b.gone_at IS NOT NULL'
        )
        found += self.installation.rows(
            f'SELECT id, id, bucket, wrap, entry FROM "{schema}".archive_blob WHERE bucket IS NOT NULL'
        )
        known = {row.wrap for row in self.rows}
        business = UUID(self.business.id)
        self.rows += [thief.Stolen(business, *row) for row in found if row[3] not in known]
        self.during |= thief.copy_of(self.installation.keyring)


@pytest.fixture(scope="session")
def planted(installation: Installation) -> Planted:
    business = installation.business("canary")  # nobody else writes there
    found = Planted(installation, secrets.token_hex(16), business, thief.copy_of(installation.keyring))
    print(f"mark of this run: {found.mark}")
    asyncio.run(_plant(found))
    return found


async def _plant(p: Planted) -> None:
    """Through the doors only: API, the enrolment's HTTP, the device's socket; and through doors that refuse."""
    house, word = p.installation, p.word
    p.address = f"{word('email')}@example.org"
    customer = await asyncio.to_thread(
        house.customer, p.business, name=word("name"), reference=word("reference"), email=p.address,
        fields={word("fieldname"): word("fieldvalue")}, tags=[word("tag")],
        consent=[{"purpose": "service", "channel": "email", "source": word("source"), "wording": word("wording") * 3}],
    )  # fmt: skip
    await asyncio.to_thread(_send, p, customer)
    await asyncio.to_thread(_import, p)
    await asyncio.to_thread(_stumble, p, customer)
    p.phone = await asyncio.to_thread(house.handset, p.business, customer, word("device"))
    async with Line(house.port, p.phone) as line:
        p.steal_rows()
        await asyncio.to_thread(_send, p, customer)
        await line.expect("message")
        await line.send(type="write", **{"for": customer}, body=word("reply"))
        await line.expect("accepted")
        up = await asyncio.to_thread(_upload, p)
        await line.send(type="write", **{"for": customer}, body="", attachments=[up])
        await line.expect("accepted")
        p.steal_rows()
    await asyncio.to_thread(_read_back, p, customer)
    p.steal_rows()


def _send(p: Planted, customer: str) -> None:
    words = {"customer": customer, "subject": p.word("subject"), "gone_after": LIFE}
    soon = (datetime.now(UTC) + timedelta(seconds=2)).isoformat()
    with p.installation.api(p.business) as api:
        for number in range(0, MANY, 1000):
            batch = [{**words, "body": f"{p.word('text')}{number + n} {'é' * n}"} for n in range(min(1000, MANY))]
            answer = api.post("messages/batch", json={"messages": batch})
            assert answer.status_code == 200, answer.text
            p.steal_rows()
        once = {"Idempotency-Key": p.word("idempotency")}
        assert api.post("messages", json={**words, "body": p.word("once")}, headers=once).status_code == 201
        assert api.post("messages", json={**words, "body": p.word("scheduled"), "send_at": soon}).status_code == 201
        _attach(p, api, words)
        _write_templates(p, api, words)
        recalled = api.post("messages", json={**words, "body": p.word("recalled")}).json()["id"]
        p.steal_rows()
        assert api.post(f"messages/{recalled}/recall").status_code == 200
        p.steal_rows()


def _upload(p: Planted) -> str:
    """A customer's file, over the size that Django alone would spool. → its id"""
    assert p.phone is not None
    pdf = b"%PDF-1.7\n" + p.word("theirpdf").encode() * 80_000 + b"\nstartxref\n0\n%%EOF\n"
    assert len(pdf) > 2_621_440
    cookie = {"Cookie": f"__Host-ebb-device={p.phone.cookie}"}
    with p.installation.client(p.business) as browser:
        asked = browser.build_request(
            "POST", "/inbox/attachments", headers=cookie, files={"file": (p.word("theirfilename") + ".pdf", pdf)}
        )
        body = asked.read()
        nonce = browser.get("/inbox/nonce", headers=cookie).json()["nonce"]
        asked.headers["Ebb-Proof"] = p.phone.http_proof(nonce, "POST", "/inbox/attachments", body)
        answer = browser.send(asked)
    assert answer.status_code == 201, answer.text
    p.steal_rows()
    return str(answer.json()["id"])


def _import(p: Planted) -> None:
    """A filter of customers, and a file of them, over the size that Django alone would spool to the temporary folder."""
    with p.installation.api(p.business) as api:
        wanted = {"tags": {"any": [p.word("tag")]}, "fields": {p.word("fieldname"): p.word("fieldvalue")}}
        made = api.post("audiences", json={"name": p.word("audience"), "filter": wanted})
        assert (made.status_code, made.json()["count"]) == (201, 1), made.text
    rows = "".join(f"{p.word('row')}{n},{p.word('cell') * 3}\n" for n in range(20_000))
    raw = f"reference,{p.word('column')}\n{rows}".encode()
    with p.installation.client(p.business) as browser:
        cookies: dict[str, str] = {}

        def post(path: str, **given: object) -> httpx.Response:
            """Cookies by hand: they are for TLS only, and this is a test's own loopback."""
            form = browser.get(path, headers={"Cookie": "; ".join(f"{k}={v}" for k, v in cookies.items())})
            cookies.update(form.cookies)
            token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form.text)
            assert token is not None, form.text
            headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in cookies.items()), "X-CSRFToken": token[1]}
            answer = browser.post(path, headers=headers, **given)  # type: ignore[arg-type]
            cookies.update(answer.cookies)
            assert answer.status_code == 302, answer.text
            return answer

        post("/console/sign-in/", data={"login": p.business.emails["author"], "password": p.business.password})
        assert len(raw) > 2_621_440
        post("/console/customers/imports/", files={"file": (p.word("importname"), raw)})


def _attach(p: Planted, api: httpx.Client, words: dict[str, object]) -> None:
    """In a PDF, in what a camera wrote into a picture, in both names; and one that is refused."""
    exif = Image.Exif()
    exif[0x010E] = p.word("exif")
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(out, "JPEG", exif=exif)
    pdf = b"%PDF-1.7\n" + p.word("pdf").encode() * 40_000 + b"\nstartxref\n0\n%%EOF\n"
    given = [(p.word("filename") + ".pdf", pdf), (p.word("photo") + ".jpg", out.getvalue())]
    made = [api.post("attachments", files={"file": one}) for one in given]
    assert [one.status_code for one in made] == [201, 201], made[0].text
    assert api.post("attachments", files={"file": (p.word("bad"), p.word("nofile").encode())}).status_code == 422
    p.steal_rows()
    files = [one.json()["id"] for one in made]
    sent = api.post("messages", json={**words, "body": p.word("attached"), "gone_after": 60, "attachments": files})
    assert sent.status_code == 201, sent.text
    p.steal_rows()


def _write_templates(p: Planted, api: httpx.Client, words: dict[str, object]) -> None:
    text = f"{p.word('template')} {{{{value}}}} {{{{name}}}}"
    asked = {"name": p.word("templatename"), "subject": p.word("templatesubject"), "body": text, "variables": ["value"]}
    made = api.post("templates", json=asked)
    assert made.status_code == 201, made.text
    about = {"customer": words["customer"], "gone_after": LIFE, "template": made.json()["id"]}
    assert api.post("messages", json={**about, "variables": {"value": p.word("value")}}).status_code == 201
    assert api.post("messages", json={**about, "variables": {p.word("strangevariable"): 1}}).status_code == 422
    assert api.post("templates", json={**asked, "body": f"{p.word('broken')} {{{{"}).status_code == 422


def _stumble(p: Planted, customer: str) -> None:
    """What is refused must not end in a log, an error or a table either."""
    with p.installation.api(p.business) as api, p.installation.client(p.business) as browser:
        bad = [
            api.post("messages", json={"customer": customer, "body": p.word("refused") + "\x07"}),
            api.post("messages", content=b'{"body": "' + p.word("halfjson").encode()),
            api.post("messages", json={"customer": customer, p.word("unknownfield"): 1}),
            api.post("customers", json={"name": p.word("badmail"), "email": p.word("noaddress")}),
            api.post("customers", json={"name": p.word("taken"), "reference": p.word("reference")}),
            api.get("customers", params={"email": p.word("query") + "@example.org"}),
            api.get(f"messages/{p.word('path')}"),
            browser.post("/inbox/enrol", json={"token": p.word("token"), "name": p.word("stranger")}),
            browser.post("/inbox/recover", json={"to": p.address}),
            browser.get(f"/console/?q={p.word('console')}", headers={"User-Agent": p.word("agent")}),
        ]
    assert not [answer.status_code for answer in bad if answer.status_code >= 500]


def _read_back(p: Planted, customer: str) -> None:
    """Reading writes too: entries, logs. And scheduled words become sent ones while we look."""
    with p.installation.api(p.business) as api:
        shown = api.get(f"customers/{customer}").json()
        assert shown["consent"][0]["wording"] == p.word("wording") * 3, "a canary that never arrived proves nothing"
        talk = api.get("conversations").json()["results"][0]["id"]
        said = api.get(f"conversations/{talk}").text
        assert p.word("reply") in said
        assert p.word("theirfilename") in said
    until(lambda: _scheduled(p) == 0, 30, "scheduled words were not sent")


def _scheduled(p: Planted) -> int:
    p.steal_rows()
    where = "send_at IS NOT NULL AND sent_at IS NULL AND ended_at IS NULL"
    return int(p.installation.rows(f'SELECT count(*) FROM "{p.business.schema}".messaging_message WHERE {where}')[0][0])


def wait_for_buckets(p: Planted) -> float:
    """Until every bucket of a stolen row is over and the clock had its moment. → the last bucket."""
    last = max(row.bucket for row in p.rows)
    until(lambda: time.time() > last + 1, 150, "the last bucket did not end")
    return float(last)
