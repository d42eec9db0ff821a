"""Whoever runs the installation opens no word of a business: no command of `manage.py` does, nor the actor that commands act as.

Each command that can be run here is run while canaries are alive, and all that is decrypted meanwhile, by whatever path, is looked
at; so is what it prints. What an operator with the database and the keyring could do by other means is in SECURITY.md."""

import io
import secrets

import pytest
from django.core.management import call_command, get_commands
from django.core.management.base import CommandError

from archive.flows import casefile, reading
from messaging.flows import campaign, words
from portal.kernel import actors, clock, roles
from portal.kernel.errors import Refusal
from portal.sealing import aead, blob, field, message, record
from portal.testing.cast import build

CANARY = "operatorcanary"
ROOTS = {"archive", "messaging", "portal", "tenants"}

# What is run, with its arguments ("{slug}" is the business, "{owner}" its owner).
RUN = {
    "doctor": [], "verify_archive": ["{slug}"], "rotate_keys": ["{slug}"], "content_stores": [],
    "let_owner_in": ["{slug}", "--owner", "{owner}"],
}  # fmt: skip
# What is not, and what holds there.
ELSEWHERE = {
    "migrate_all": "makes tables; test_journey_birth runs it",
    "create_business": "makes a business; there is no word in it yet",
    "demo_seed": "writes the words of a demo, and is refused outside one",
    "clock": "opens what is due, to send it, and prints nothing of it (test_canary looks at its log)",
    "qcluster": "likewise, for what its jobs do",
    "backup": "copies rows and files as they are, sealed (test_residue)",
    "restore": "likewise",
    "verify_export": "reads a bundle that somebody of the business drew",
    "open_export": "opens a bundle with the recovery key, which is the business's and never on the server",
}
READS = {
    "message.read_live", "message.view", "conversation.view", "customer.view", "campaign.view", "campaign.approve", "archive.open",
    "archive.list", "archive.search", "archive.export", "archive.ask", "archive.review", "archive.mirror", "device.view",
}  # fmt: skip


class Spying:
    """AES-GCM, and everything that it opened."""

    opened: list[bytes] = []
    real = aead.AESGCM

    def __init__(self, key):
        self._real = self.real(key)
        self.encrypt = self._real.encrypt

    def decrypt(self, *args):
        plain = self._real.decrypt(*args)
        self.opened.append(bytes(plain))
        return plain


@pytest.fixture
def spied(monkeypatch):
    monkeypatch.setattr(Spying, "opened", [])
    for module in (aead, blob, field, message, record):
        if hasattr(module, "AESGCM"):
            monkeypatch.setattr(module, "AESGCM", Spying)
    return Spying


@pytest.fixture(scope="module")
def cast(house):
    return build(f"operated-{secrets.token_hex(3)}", "Operated House")


@pytest.fixture(scope="module")
def planted(cast):
    """Words, a name, a campaign's text, all alive. → what was sent"""
    customer = cast.customer(name=f"{CANARY}name", email=f"{CANARY}@example.org")
    sent = cast.send(customer, body=f"{CANARY}body", subject=f"{CANARY}subject", gone_after=86_400)
    with cast.inside():
        wanted = campaign.Wanted(name=f"{CANARY}campaign", filter={}, body=f"{CANARY}text")
        campaign.create(actor=cast.author, now=clock.now(), wanted=wanted)
    return sent


def ours():
    return {name for name, app in get_commands().items() if str(app).split(".")[0] in ROOTS}


def test_every_command_has_a_row():
    assert ours() == set(RUN) | set(ELSEWHERE)


@pytest.mark.parametrize("name", sorted(RUN))
def test_no_command_opens_a_word(cast, planted, spied, name):
    said = io.StringIO()
    given = [one.format(slug=cast.place.slug, owner=cast.emails["owner"]) for one in RUN[name]]
    try:
        call_command(name, *given, stdout=said, stderr=said)
    except (SystemExit, CommandError) as ended:  # a doctor that finds something, an owner beside whom there are others
        said.write(str(ended))
    assert CANARY not in said.getvalue()
    assert not [plain for plain in spied.opened if CANARY.encode() in plain]


def test_the_spy_sees_what_is_opened(cast, planted, spied):
    """Or the test above would say nothing."""
    with cast.inside():
        words.read(actor=cast.author, now=clock.now(), message_id=planted.id)
    assert [plain for plain in spied.opened if f"{CANARY}body".encode() in plain]


def test_the_operator_has_no_right_to_read():
    assert not actors.OPERATOR.permissions & READS
    assert actors.OPERATOR.permissions <= roles.PERMISSIONS.keys() - {"staff.manage", "key.manage", "approval.decide"}


def test_no_machine_opens_the_archive():
    for actor in (actors.CLOCK, actors.SYSTEM, actors.OPERATOR):
        assert not actor.may("archive.open")


@pytest.mark.parametrize("label", ["operator", "clock", "system"])
def test_flows_that_show_words_refuse_whoever_is_not_there_to_read(cast, planted, label):
    """Each as a person reads; a machine has neither session nor passphrase."""
    actor = {"operator": actors.OPERATOR, "clock": actors.CLOCK, "system": actors.SYSTEM}[label]
    with cast.inside():
        with pytest.raises(Refusal):
            reading.open_record(actor=actor, now=clock.now(), index=planted.index, session_key="", half="")
        with pytest.raises(Refusal):
            casefile.open_item(actor=actor, now=clock.now(), case_id=planted.id, number=1, session_key="", half="")
        if label == "operator":
            with pytest.raises(Refusal, match="not_"):
                words.read(actor=actor, now=clock.now(), message_id=planted.id)
