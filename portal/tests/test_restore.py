"""T16's refusal to sign, end to end: a real cluster is set back to an older copy of itself while the keyring stays. The older
ledger is not signed (`log_behind`), not even once it has caught up in numbers (`log_forked`), and goes on only in a new epoch
that an officer opens and that names the gap. What had ended stays ended."""

import asyncio
import base64
import json
import shutil
import subprocess
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from archive.ledger import note as notes
from archive.ledger import proof
from portal.testing import thief
from portal.testing.handset import Handset
from portal.testing.installation import PROCESSES, until
from portal.testing.line import Line

BEGIN = """
import json, sys
import django; django.setup()
from uuid import UUID
from archive.flows import epoch
from portal.kernel import actors, clock, tenancy
from portal.kernel.errors import Refusal
business, staff, role = sys.argv[1:]
with tenancy.tenant_scope(tenancy.directory().by_id(UUID(business))):
    try:
        begun = epoch.begin(actor=actors.staff(UUID(staff), role), now=clock.now())
        print(json.dumps({"number": begun.number, "first": begun.first_index}))
    except Refusal as refusal:
        print(json.dumps({"code": refusal.code}))
"""


@dataclass
class Story:
    """What the tests ask about afterwards, in the order in which it happened."""

    customer: str
    phone: Handset
    outside: str = ""  # the last checkpoint that somebody outside kept
    vkey: str = ""
    backup_size: int = 0
    promised: dict = field(default_factory=dict)  # the keyring's own last promise: at least that


def checkpoint(house, business) -> str:
    with house.api(business) as api:
        return api.get("archive/checkpoint").text


def size_of(note: str) -> int:
    return int(note.split("\n")[1])


def signed_up_to(house, business, index: int) -> str:
    def covers() -> str:
        note = checkpoint(house, business)
        return note if note.count("\n") > 3 and size_of(note) > index else ""

    return until(covers, 30, f"entry {index} was not signed")


def send(house, business, customer: str, count: int, gone_after: int = 3600) -> int:
    """→ the index of the last entry."""
    asked = [{"customer": customer, "body": f"number {n}", "gone_after": gone_after} for n in range(count)]
    with house.api(business) as api:
        done = api.post("messages/batch", json={"messages": asked}).json()["results"]
    return max(one["entry"]["index"] for one in done)


def said(house, since: int) -> list[str]:
    """The codes that the clock's log told of its refusals."""
    text = (house.folder / "clock.log").read_text()[since:]
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [line["code"] for line in lines if "code" in line and "refused" in line["event"]]


def begin(house, business, role: str) -> dict:
    return json.loads(house.run("-c", BEGIN, business.id, business.officer, role).stdout.splitlines()[-1])


class Power:
    """Everything off and on again; the cluster's folder changed in between."""

    def __init__(self, house) -> None:
        self.house = house
        self.aside = house.folder / "aside"

    def off(self) -> None:
        self.house.stop()
        self.house.postgres.stop()

    def on(self) -> None:
        self.house.env["DATABASE_URL"] = self.house.postgres.start()
        self.house.start(*PROCESSES)

    def copy(self, name: str) -> None:
        self.aside.mkdir(mode=0o700, exist_ok=True)
        for folder in (self.house.postgres.cluster, self.house.keyring):
            subprocess.run(["cp", "-a", folder, self.aside / f"{name}-{folder.name}"], check=True)

    def set_back(self, name: str, folder) -> None:
        shutil.rmtree(folder)
        subprocess.run(["cp", "-a", self.aside / f"{name}-{folder.name}", folder], check=True)


@pytest.fixture(scope="module")
def story(installation):
    """Told once; afterwards the house is as it was before, keyring and all."""
    house, power = installation, Power(installation)
    business = house.business("globex")
    power.off()
    power.copy("before")
    power.on()
    try:
        yield _tell(house, power, business)
    finally:
        power.off()
        for folder in (house.postgres.cluster, house.keyring):
            power.set_back("before", folder)
        shutil.rmtree(power.aside)
        power.on()


def _tell(house, power: Power, business) -> Story:
    customer = house.customer(business)
    story = Story(customer, house.handset(business, customer))
    send(house, business, customer, 1, gone_after=5)  # it lives while the backup is made
    story.backup_size = size_of(signed_up_to(house, business, send(house, business, customer, 30)))
    power.off()
    power.copy("backup")
    power.on()
    story.outside = signed_up_to(house, business, send(house, business, customer, 40))
    with house.api(business) as api:
        story.vkey = api.get("archive/key").text.strip()
    power.off()
    story.promised = promised(house, business)
    power.set_back("backup", house.postgres.cluster)
    power.on()
    return story


def promised(house, business) -> dict:
    """What the keyring's file holds as the last promise."""
    pk = UUID(business.id)
    image = (house.keyring / "business" / f"{pk.hex}.ring").read_bytes()
    return json.loads(thief.names_of(image, house.master_key, pk)["checkpoint"])


def test_the_older_ledger_is_not_signed(installation, story):
    house, business = installation, installation.business("globex")
    started = len((house.folder / "clock.log").read_text())
    index = send(house, business, story.customer, 1)
    assert index < size_of(story.outside), "the copy is not older: this would prove nothing"
    until(lambda: "log_behind" in said(house, max(0, started - 4000)), 40, "the clock did not refuse")
    note = checkpoint(house, business)
    assert size_of(note) <= story.backup_size + 5
    with house.api(business) as api:
        assert api.get(f"archive/entries/{index}/proof").status_code == 409


def test_messages_go_on_while_nothing_is_signed(installation, story):
    """The refusal stops the promise, not the business: a message is sent, archived and read."""
    house, business = installation, installation.business("globex")
    answer = house.send(business, story.customer, "after the restore", gone_after=600)
    assert answer.status_code == 201
    bodies = asyncio.run(_inbox(house, story.phone))
    assert "after the restore" in bodies


def test_what_had_ended_stays_ended(installation, story):
    """Its row came back with the copy; its end did not move."""
    house, business = installation, installation.business("globex")
    with house.api(business) as api:
        rows = api.get("messages", params={"customer": story.customer}).json()["results"]
    assert [one for one in rows if one["state"] in {"ended", "expired_unread"}], "nothing had ended"
    assert asyncio.run(_inbox(house, story.phone)).count("number 0") == 2, "the one of five seconds is back"


async def _inbox(house, phone) -> list[str]:
    async with Line(house.port, phone) as line:
        return [m["body"] for m in line.state["messages"]]


def test_caught_up_in_numbers_it_is_a_fork_and_still_not_signed(installation, story):
    house, business = installation, installation.business("globex")
    started = len((house.folder / "clock.log").read_text())
    index = send(house, business, story.customer, story.promised["size"] + 20 - story.backup_size)
    assert index >= story.promised["size"]
    until(lambda: "log_forked" in said(house, started), 40, "the clock did not refuse")
    assert size_of(checkpoint(house, business)) <= story.backup_size + 5
    done = house.manage("verify_archive", "globex", check=False)
    assert done.returncode == 1, "the verifier calls a fork whole"


def test_only_an_officer_goes_on_and_the_gap_is_named(installation, story):
    house, business = installation, installation.business("globex")
    assert begin(house, business, "owner") == {"code": "not_allowed"}
    begun = begin(house, business, "officer")
    assert begun["number"] == 2, begun
    send(house, business, story.customer, 1)  # what wakes the clock, which else looks every half a minute
    signed_up_to(house, business, begun["first"])
    note = checkpoint(house, business)
    assert note.split("\n")[0].endswith("/2")
    with house.api(business) as api:
        leaf = base64.b64decode(api.get(f"archive/entries/{begun['first']}").json()["leaf"])
        text = api.get(f"archive/entries/{begun['first']}/proof").text
        vkey = api.get("archive/key").text.strip()
    named = json.loads(leaf)["codes"]
    assert size_of(story.outside) <= story.promised["size"]
    assert (named["previous_size"], named["previous_root"]) == (story.promised["size"], story.promised["root"])
    assert named["lost_to"] == story.promised["size"] - 1
    assert named["lost_from"] <= story.backup_size + 5
    assert proof.verify(text, vkey, leaf, index=begun["first"]).size > begun["first"]
    with pytest.raises(notes.NoteError):
        proof.verify(text, story.vkey, leaf, index=begun["first"])
    assert begin(house, business, "officer") == {"code": "log_is_whole"}
    assert house.manage("verify_archive", "globex", check=False).returncode == 0
