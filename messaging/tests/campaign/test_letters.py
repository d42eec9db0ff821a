"""What a chunk writes is what a single send would have written: same bytes, same boxes, same entries; a refusal for one alone."""

import hashlib
import json
from dataclasses import replace

import pytest

from archive.flows import blob, monthkey, record, wordindex
from archive.ledger import entry as leaves
from archive.models import Blob, Entry, Record
from messaging.flows import attachment, body, campaign, download, launch, letters, snapshot, template
from messaging.models import Body, Campaign, Message
from messaging.queries import customers
from messaging.rules import wording
from portal.kernel import clock, ids
from portal.kernel.errors import Refusal

ODD = 'Ünïcode \\ "quotes" \u2028 </script> 🙂\ttab\nline \u202e {0} %s %b %%'


PDF = b"%PDF-1.7\n1 0 obj <<>> endobj\nstartxref\n0\n%%EOF\n"
FILE = {
    "id": "01a2229d-0000-7000-8000-000000000001", "name": 'Ä "b" %s.pdf', "type": "application/pdf", "bytes": 7, "sha256": "0" * 64,
    "key": "k" * 44,
}  # fmt: skip


@pytest.mark.parametrize("answers", [(), ('Ja \\ "gerne" 🙂', "{0} %s </script>")])
@pytest.mark.parametrize("files", [[], [FILE, FILE]])
@pytest.mark.parametrize("text", ["Come in.", ODD, "Dear {{name}}, {{reference}}: " + ODD, "{{name|you}} and {{name}}"])
def test_the_bytes_are_those_of_a_single_send(desk, text, files, answers):
    pk = desk.cast.customer(name=ODD.replace("\n", " ").replace("\t", " "), email="ö@example.org")
    made = desk.write(
        body=text, subject="About {{name}}" if "{{" in text else ODD.replace("\n", " ").replace("\t", " "),
        answers=answers,
    )  # fmt: skip
    with desk.cast.inside():
        row, now, message = Campaign.objects.get(id=made), clock.now(), ids.uuid7()
        to = customers.get_recipients([pk])[pk]
        compiled = campaign.campaigntext.compiled(row, now)
        writer = letters.Writer(row, compiled, now, files)
        profile = vars(to.profile)
        letter = writer.write(message=message.bytes, customer=pk.bytes, profile=profile, language="de")
        said = compiled.render({**to.profile.fields, "name": to.profile.name, "reference": to.profile.reference}, "de")
        content = {"subject": said.subject, "body": said.body, "attachments": files}
        if answers:
            content["answers"] = list(answers)
        keep = record_rule(now)
        taken = snapshot.take("message.sent", desk.cast.author, to, message, "out", "", "text", now, now, keep, content)
        assert letter.live == body.encode(content)
        assert letter.content == record.encode(taken.content)
        again = writer.write(message=message.bytes, customer=pk.bytes, profile=profile, language="de")
        assert again == letter


def record_rule(now):
    from archive.queries import rules

    return rules.Retention("default", now)


def test_rows_and_leaves_are_those_of_a_single_send(desk):
    """Column by column, and the leaf field by field: only ids, times and digests differ."""
    made = desk.send(subject="Hello", gone_after=3600, tap_to_reveal=True)
    single = desk.cast.send(desk.customers[0], "Come in.", subject="Hello", gone_after=3600, tap_to_reveal=True)
    with desk.cast.inside():
        mine = next(one for one in desk.messages(made) if one.customer_id == desk.customers[0])
        theirs = Message.objects.get(id=single.id)
        own = {"id", "run_id", "composed_at", "sent_at", "gone_at", "archived_until", "notify_at"}
        assert columns(mine, own) == columns(theirs, own)
        assert mine.gone_at - mine.sent_at == theirs.gone_at - theirs.sent_at
        records = [Record.objects.get(message_id=one.id) for one in (mine, theirs)]
        own = {
            "message_id",
            "entry_id",
            "run_id",
            "sent_at",
            "gone_at",
            "archived_until",
            "batch_id",
            "sealed",
            "outer_wrap",
        }
        assert columns(records[0], own) == columns(records[1], own)
        entries = [Entry.objects.get(message_id=one.id, kind="message.sent") for one in (mine, theirs)]
        told = [json.loads(bytes(one.leaf)) for one in entries]
        leaf = leaves.decode(bytes(entries[0].leaf))
        assert (leaf.message, leaf.run) == (str(mine.id), str(mine.run_id))
        assert set(told[0]) - {"run"} == set(told[1])
        assert records[0].entry_id == entries[0].id
        assert entries[0].customer_id == desk.customers[0]
        bodies = [Body.objects.get(message_id=one.id) for one in (mine, theirs)]
        assert next(len(one.wrap) for one in bodies) == [len(one.wrap) for one in bodies][1]


def columns(row, without):
    return {name: value for name, value in vars(row).items() if name not in without and not name.startswith("_")}


def test_each_reads_their_own_name(desk):
    from messaging.flows import words

    first = desk.cast.customer(name="Ada")
    desk.send(body="Dear {{name|you}}.")
    with desk.cast.inside():
        row = Message.objects.filter(customer_id=first).get()
        assert words.read(actor=desk.cast.author, now=clock.now(), message_id=row.id).body == "Dear Ada."


def test_who_lacks_a_value_fails_alone_with_why(desk):
    first = desk.cast.customer(fields={"plan": "Gold"})
    made = desk.send(body="Your plan is {{plan}}.")
    lines = desk.ledger(made)
    assert lines[first].state == "sent"
    assert {(lines[pk].state, lines[pk].reason) for pk in desk.customers} == {("failed", "missing_value")}


def test_a_template_is_sent_in_each_ones_language_as_it_was_when_saved(desk):
    from messaging.flows import words

    spanish = desk.cast.customer(language="es-MX")
    texts = {"en": wording.Text("Hello", "Come in.", ("Yes", "No")), "es": wording.Text("Hola", "Pase.", ("Vale",))}
    text = wording.Wording(texts)
    with desk.cast.inside():
        made = template.create(actor=desk.cast.author, now=clock.now(), name="Visit", text=text)
    written = desk.write(body="", template=made)
    with desk.cast.inside():
        changed = wording.Wording({"en": wording.Text("Later", "Changed.")})
        template.change(
            actor=desk.cast.author, now=clock.now(), template_id=made, changes=template.Changes(text=changed, version=1)
        )
    desk.do(launch.send, written)
    desk.work()
    with desk.cast.inside():
        said = {
            one.customer_id: words.read(actor=desk.cast.author, now=clock.now(), message_id=one.id)
            for one in desk.messages(written)
        }
        said = {pk: (one.body, one.answers) for pk, one in said.items()}
    assert said[spanish] == ("Pase.", ("Vale",))
    assert {said[pk] for pk in desk.customers} == {("Come in.", ("Yes", "No"))}


def test_answers_of_a_campaign_stand_over_its_templates_and_are_found_in_the_record(desk):
    from messaging.flows import words

    text = wording.Wording({"en": wording.Text("", "Come in.", ("Yes", "No")), "es": wording.Text("", "Pase.")})
    with desk.cast.inside():
        made = template.create(actor=desk.cast.author, now=clock.now(), name="Visit", text=text)
    written = desk.send(body="", template=made, answers=("With a gasket",))
    with desk.cast.inside():
        assert campaign.read(actor=desk.cast.author, now=clock.now(), campaign_id=written).answers == ("With a gasket",)
        row = desk.messages(written)[0]
        assert words.read(actor=desk.cast.author, now=clock.now(), message_id=row.id).answers == ("With a gasket",)
        record = Record.objects.get(message_id=row.id)
        [hashes] = wordindex.hash_query("gasket", key=monthkey.index(record.index_month))
        assert set(hashes) & set(record.words)


@pytest.mark.parametrize(
    ("text", "code"),
    [("Dear {{nmae}}", "unknown_variable"), ("{{" * 8000, "nested_variable"), ("x" * 17000, "template_too_long")],
)
def test_a_text_that_nobody_could_send_is_refused_when_it_is_saved(desk, text, code):
    with pytest.raises(Refusal) as refused:
        desk.write(body=text)
    assert refused.value.code == code


def test_words_are_found_in_what_a_campaign_said(desk):
    made = desk.send(body="The gasket arrived, {{name|you}}.")
    with desk.cast.inside():
        row = Record.objects.get(message_id=desk.messages(made)[0].id)
        [hashes] = wordindex.hash_query("gasket", key=monthkey.index(row.index_month))
        assert set(hashes) & set(row.words)


def test_a_file_is_stored_once_and_goes_with_every_message(desk):
    """Uploaded, kept while the campaign waits and is changed, held by each message and record."""
    with desk.cast.inside():
        up = attachment.upload(actor=desk.cast.author, now=clock.now(), name="plan.pdf", data=PDF)
    made = desk.write(attachments=(up.id,))
    with desk.cast.inside():
        wanted = campaign.read(actor=desk.cast.author, now=clock.now(), campaign_id=made)
        assert wanted.attachments == (up.id,)
        changed = replace(wanted, body="Come in, all.")
        campaign.change(actor=desk.cast.author, now=clock.now(), campaign_id=made, revision=1, wanted=changed)
        blob.sweep(now=clock.now())
    desk.do(launch.send, made)
    desk.work()
    with desk.cast.inside():
        sent = desk.messages(made)
        assert len(sent) == len(desk.customers)
        assert Record.objects.filter(blobs__contains=[up.id]).count() == len(sent)
        stored = Blob.objects.get(id=up.id)
        committed = leaves.digest_files([(up.id, hashlib.sha256(bytes(stored.sealed)).digest())])
        rows = Entry.objects.filter(message_id__in=[one.id for one in sent], kind="message.sent")
        assert [leaves.decode(bytes(row.leaf)).codes for row in rows] == [{"files_sha256": committed}] * len(sent)
        for one in sent:
            shown = download.to_staff(actor=desk.cast.author, now=clock.now(), message_id=one.id, file_id=up.id)
            assert b"".join(shown.parts) == PDF


def test_files_of_a_campaign_are_held_while_it_waits(desk):
    with desk.cast.inside():
        up = attachment.upload(actor=desk.cast.author, now=clock.now(), name="plan.pdf", data=PDF)
    desk.write(attachments=(up.id,))
    with desk.cast.inside():
        before = Blob.objects.get(id=up.id).held_until
        desk.at.advance(days=29)
        campaign.campaigntext.carry_forward(now=clock.now())
        assert Blob.objects.get(id=up.id).held_until > before


@pytest.mark.parametrize(("more", "code"), [
    ({"gone_after": 30}, "lifetime_too_short"), ({"attachments": (ids.uuid7(),)}, "unknown_attachment"),
    ({"attachments": tuple(ids.uuid7() for _ in range(6))}, "too_many_attachments"),
])  # fmt: skip
def test_files_that_no_message_could_have_are_refused_when_it_is_saved(desk, more, code):
    with desk.cast.inside():
        up = attachment.upload(actor=desk.cast.author, now=clock.now(), name="plan.pdf", data=PDF)
    with pytest.raises(Refusal) as refused:
        desk.write(**{"attachments": (up.id,), **more})
    assert refused.value.code == code
