"""T1, an archive case: a complaint comes in; an officer finds what was said, has it reviewed and held; the business's new rule
takes everything else; what was held is exported and verified by a program that knows nothing of Ebb. Through the doors that
people and programs use, on a clock that the test moves; the worker's jobs are run where the worker would."""

import re
import subprocess
import sys
import zipfile
from uuid import UUID

import pytest

from archive import jobs
from archive.flows import sweep, tree
from archive.models import DisposalRun, Disposed, Record
from archive.queries import verification
from portal.kernel import clock
from portal.testing import browser

REASON = "Complaint of 12 May"
LAMP = "The lamp was sold as waterproof, and it is not."


@pytest.fixture(autouse=True)
def _folder(settings, tmp_path):
    settings.EBB_EXPORTS = str(tmp_path / "exports")


class Person:
    """Somebody at the console. After a while away they sign in again, as the session asks."""

    def __init__(self, cast, role: str) -> None:
        self.cast, self.role = cast, role
        self.client = browser.staff(cast, role)

    def come_back(self) -> None:
        self.client = browser.staff(self.cast, self.role)

    def see(self, path: str, **asked: str) -> str:
        answer = self.client.get(f"/console/archive/{path}", asked, follow=True)
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.content.decode()

    def do(self, path: str, **given: str) -> str:
        """Post a form; the address it leads to."""
        answer = self.client.post(f"/console/archive/{path}", given)
        assert answer.status_code == 302, (path, answer.status_code, answer.content.decode()[-3000:])
        return str(answer["Location"])

    def unlock(self) -> None:
        self.do("unlock", passphrase=self.cast.passphrase, reason=REASON)


def found_id(location: str) -> str:
    return re.findall(r"[0-9a-f-]{36}", location)[-1]


def run_the_clock(cast) -> None:
    with cast.inside():
        sweep.sweep(now=clock.now())
        tree.integrate(now=clock.now())


def send(cast) -> None:
    api = browser.program(cast)
    made = api.post(
        "/api/v1/customers", {"name": "Lena Lamp", "reference": "L-1"}, content_type="application/json"
    ).json()
    for body in (LAMP, "Your order is on its way.", "The waterproof lamp is on sale."):
        asked = {"customer": made["id"], "subject": "Your lamp", "body": body, "gone_after": 3600}
        assert api.post("/api/v1/messages", asked, content_type="application/json").status_code == 201


def test_an_archive_case(fresh, at, tmp_path):
    cast = fresh()
    send(cast)
    run_the_clock(cast)
    officer, owner, reviewer = Person(cast, "officer"), Person(cast, "owner"), Person(cast, "reviewer")

    # The officer unlocks and finds what was said.
    officer.unlock()
    results = officer.do("search/", q='"sold as waterproof"', reason=REASON, text="1")
    shown = officer.client.get(results).content.decode()
    assert "sold as waterproof" in shown
    assert "on its way" not in shown

    # A case: what was said of waterproof lamps, reviewed by somebody who sees no words.
    case = found_id(officer.do("cases/new", name="Lena's lamp", query="waterproof"))
    assert "2 to review" in officer.see(f"cases/{case}/")
    assert "waterproof, and it is not" in officer.see(f"cases/{case}/", at="1") + officer.see(f"cases/{case}/", at="2")
    number = int(reviewer.do(f"cases/{case}/next").rsplit("at=", 1)[1])
    reviewer.do(f"cases/{case}/{number}/note", note="Ask the shop.")
    reviewer.do(f"cases/{case}/{number}/tag", tag="waterproof-claim")
    reviewer.do(f"cases/{case}/{number}/decide", decision="escalate")
    told = reviewer.see(f"cases/{case}/", at=str(number))
    assert "1 of 2 decided" in told
    assert LAMP not in told
    assert "Ask the shop." not in told
    assert "Ask the shop." in officer.see(f"cases/{case}/", at=str(number))

    # Its records are held, before a rule of one day takes the rest.
    hold = found_id(officer.do("holds/new", name="Lena's lamp", reason="A claim is announced", query=f"case:{case}"))
    assert "In force" in officer.see("holds/")
    _shorten(cast, officer, owner)
    at.advance(days=2)
    officer.come_back()
    _dispose(cast, officer, owner)
    with cast.inside():
        assert Record.objects.count() == 2, "the two that are held"
        gone = Disposed.objects.get().message_id
    page = browser.staff(cast, "author").get(f"/console/messages/{gone}/").content.decode()
    assert "no longer: disposed of" in page
    assert "The archive keeps the sealed record" not in page
    told = officer.see(f"cases/{case}/", at="1")
    assert "Disposed" not in told
    assert "1 to review" in told
    officer.see(f"holds/{hold}/")

    # What was held leaves in an open bundle, and a program of its own verifies it.
    run_the_clock(cast)
    officer.unlock()
    bundle = _export(officer, case, tmp_path)
    _verify(cast, bundle, tmp_path)
    with cast.inside():
        report = verification.verify()
        assert (report.is_whole, report.records, report.disposed) == (True, 2, 1), report.faults


def _shorten(cast, officer: Person, owner: Person) -> None:
    """The default rule's next version keeps a day, for what is there too: tried on the real records, then two people."""
    default = re.findall(r"/console/archive/rules/([0-9a-f-]{36})/", officer.see("rules/"))[0]
    rule = found_id(
        officer.do(
            "rules/new", follows=default, name="A day", number="1", unit="D", action="dispose", **{"from": "sent"}
        )
    )
    assert officer.client.post(f"/console/archive/rules/{rule}/simulate").status_code == 200
    officer.do(f"rules/{rule}/activate", reason="We keep less", retroactive="1")
    asked = re.findall(r"approvals/([0-9a-f-]{36})/approve", owner.see("approvals/"))[0]
    owner.do(f"approvals/{asked}/approve")
    run_the_clock(cast)


def _dispose(cast, officer: Person, owner: Person) -> None:
    officer.do(
        "disposal/limits",
        ceiling_percent="100",
        ceiling_count="1000",
        review_stages="1",
        limits_reason="It is half of all",
    )
    asked = re.findall(r"approvals/([0-9a-f-]{36})/approve", owner.see("approvals/"))[0]
    owner.do(f"approvals/{asked}/approve")
    run = UUID(found_id(officer.do("disposal/begin")))
    with cast.inside():
        jobs.dispose(run)
        assert DisposalRun.objects.get(id=run).state == "finished"
    assert "finished" in officer.see(f"disposal/runs/{run}/").lower()


def _export(officer: Person, case: str, folder):
    asked = {"form": "open", "query": f"case:{case}", "reason": REASON}
    answer = officer.client.post("/console/archive/exports/new", asked)
    assert answer.status_code == 200, answer.content.decode()[-2000:]
    path = folder / "bundle.zip"
    path.write_bytes(b"".join(answer.streaming_content))
    with zipfile.ZipFile(path) as bundle:
        letters = b"".join(bundle.read(name) for name in bundle.namelist() if name.endswith(".eml"))
        assert b"sold as waterproof" in letters
        assert b"on its way" not in letters
        bundle.extract("verify.py", folder)
    return path


def _verify(cast, bundle, folder) -> None:
    """By the script that came with it, in a bare Python; the log's key comes from outside. A changed byte is told."""
    key = folder / "log.vkey"
    key.write_text(browser.program(cast).get("/api/v1/archive/key").content.decode())

    def run(path) -> int:
        command = [sys.executable, "-I", folder / "verify.py", path, "--vkey", key]
        return subprocess.run(command, capture_output=True, check=False, cwd="/").returncode

    assert run(bundle) == 0
    changed = folder / "changed.zip"
    with zipfile.ZipFile(bundle) as whole, zipfile.ZipFile(changed, "w") as other:
        for name in whole.namelist():
            words = whole.read(name)
            other.writestr(name, words.replace(b"waterproof", b"waterpoof ") if name.endswith(".eml") else words)
    assert run(changed) == 1
