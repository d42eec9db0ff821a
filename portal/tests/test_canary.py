"""T4, while it lives: what was said and who it was said to stands nowhere in plain, on no disk, in no shape."""

import secrets
import subprocess
import sys
import zlib
from base64 import b64encode

from portal.testing.installation import until
from portal.testing.search import Finder
from portal.testing.sink import text_of

NOT_IN_MAIL = ("text", "subject", "scheduled", "once", "recalled", "reply", "name", "reference", "field", "wording")


def look_everywhere(planted, finder: Finder, folder) -> None:
    """The cluster with its WAL, a dump, the keyring, the logs, the temporary folders."""
    house = planted.installation
    house.rows("CHECKPOINT")
    finder.look_in(house.postgres.cluster)
    dump = planted.dump(folder)
    finder.look("dump", dump.read_bytes())
    for path in (house.keyring, house.folder / "tmp", house.postgres.log.parent):
        finder.look_in(path)
    for log in house.folder.glob("*.log"):
        finder.look(log.name, log.read_bytes())


def test_the_searcher_finds_what_is_there(planted, tmp_path):
    """Every shape is planted in a table, a log, the keyring's folder and the temporary folder, and found."""
    house, word = planted.installation, secrets.token_hex(16)
    raw = word.encode()
    packed = [b64encode(b"x" * n + raw + b"tail") for n in range(3)]
    blobs = [raw, word.encode("utf-16-le"), word.encode("utf-16-be"), raw.hex().encode(), *packed, zlib.compress(raw)]
    with house.connect() as connection:
        connection.execute("CREATE TABLE canary_control (name text, raw bytea)")
        for blob in blobs:
            connection.execute("INSERT INTO canary_control VALUES (%s, %s)", [word, blob])
    files = [house.keyring / "control", house.folder / "tmp" / "control", house.folder / "control.log"]
    for file in files:
        file.write_bytes(b"".join(blobs))
    try:
        finder = Finder([raw])
        look_everywhere(planted, finder, tmp_path)
    finally:
        with house.connect() as connection:
            connection.execute("DROP TABLE canary_control")
        for file in files:
            file.unlink()
    places = {place.split(" ")[0].split("/")[-1] for place, _ in finder.found}
    shapes = {shape.split(" ")[0] for _, shape in finder.found}
    assert {"control", "control.log", "dump"} <= places
    assert any("pg_wal" in place for place, _ in finder.found)
    assert any("/base/" in place for place, _ in finder.found)
    assert any("inflated" in place for place, _ in finder.found)
    assert {"raw", "utf-16le", "utf-16be", "hex", "base64+0", "base64+1", "base64+2"} <= shapes


def test_nothing_plain_is_at_rest_while_it_lives(planted, tmp_path):
    finder = Finder([planted.mark.encode()])
    look_everywhere(planted, finder, tmp_path)
    told = f"mark {planted.mark}: {finder.bytes / 1e6:.0f} MB and {finder.streams} inflated streams searched"
    print(told)
    assert finder.bytes > 20e6, told
    assert dict(finder.found) == {}, told


def test_the_queue_holds_ids_only(planted):
    """Pickled and signed rows, while nobody serves them: opened as the worker opens them, so that no encoding hides a word."""
    house = planted.installation
    house.kill("worker-notices")
    try:
        customer = house.customer(
            planted.business, name=planted.word("queued"), email=f"{planted.word('queued')}@example.org"
        )
        assert house.send(planted.business, customer, planted.word("queued text")).status_code == 201
        code = (
            "import django; django.setup()\n"
            "from django_q.models import OrmQ, Task\n"
            "from django_q.signing import SignedPackage\n"
            "for row in OrmQ.objects.all(): print(SignedPackage.loads(row.payload))\n"
            "for row in Task.objects.all(): print(row.args, row.kwargs, row.result, row.name, row.group)\n"
        )
        until(lambda: house.rows("SELECT 1 FROM django_q_ormq WHERE key = 'notices'"), 15, "the queue stayed empty")
        told = house.run("-c", code).stdout
        assert "messaging.jobs.send_mails" in told, "the queue is empty: this would prove nothing"
        assert planted.mark not in told
    finally:
        house.start("worker-notices")


def test_mail_says_nothing_of_a_message(planted):
    """The address itself is in the envelope, as mail is; nothing else that was planted is."""
    raw = planted.installation.sink.wait_for(planted.address, 20)
    assert raw is not None, "no mail was sent"
    mails = [text_of(one) for to, one in planted.installation.sink.got if planted.mark in to]
    for mail in mails:
        rest = mail.replace(planted.address, "")
        assert planted.mark not in rest, [place for place in NOT_IN_MAIL if planted.word(place) in rest]
    finder = Finder([planted.mark.encode()])
    finder.look("mail", raw.replace(planted.address.encode(), b""))
    assert not finder.found


def test_no_process_is_told_a_secret_on_its_command_line(planted):
    """`ps` is everybody's: neither a key nor a word is an argument."""
    seen = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True).stdout
    assert sys.executable in seen
    for secret in (planted.mark, planted.installation.env["EBB_MASTER_KEY"], planted.business.key):
        assert secret not in seen
