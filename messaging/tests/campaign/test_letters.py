"""What a chunk writes is what a single send would have written: same bytes, same boxes, same entries; a refusal for one alone."""

import json

import pytest

from archive.flows import monthkey, record, wordindex
from archive.ledger import entry as leaves
from archive.models import Entry, Record
from messaging.flows import body, campaign, launch, letters, snapshot, template
from messaging.models import Body, Campaign, Message
from messaging.queries import customers
from messaging.rules import wording
from portal.kernel import clock, ids
from portal.kernel.errors import Refusal

ODD = 'Ünïcode \\ "quotes" \u2028 </script> 🙂\ttab\nline \u202e {0} %s %b %%'


@pytest.mark.parametrize("text", ["Come in.", ODD, "Dear {{name}}, {{reference}}: " + ODD, "{{name|you}} and {{name}}"])
def test_the_bytes_are_those_of_a_single_send(desk, text):
    pk = desk.cast.customer(name=ODD.replace("\n", " ").replace("\t", " "), email="ö@example.org")
    made = desk.write(
        body=text, subject="About {{name}}" if "{{" in text else ODD.replace("\n", " ").replace("\t", " ")
    )
    with desk.cast.inside():
        row, now, message = Campaign.objects.get(id=made), clock.now(), ids.uuid7()
        to = customers.get_recipients([pk])[pk]
        compiled = campaign.campaigntext.compiled(row, now)
        writer = letters.Writer(row, compiled, now)
        profile = vars(to.profile)
        letter = writer.write(message=message.bytes, customer=pk.bytes, profile=profile, language="de")
        said = compiled.render({**to.profile.fields, "name": to.profile.name, "reference": to.profile.reference}, "de")
        content = {"subject": said.subject, "body": said.body, "attachments": []}
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
    text = wording.Wording({"en": wording.Text("Hello", "Come in."), "es": wording.Text("Hola", "Pase.")})
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
            one.customer_id: words.read(actor=desk.cast.author, now=clock.now(), message_id=one.id).body
            for one in desk.messages(written)
        }
    assert said[spanish] == "Pase."
    assert {said[pk] for pk in desk.customers} == {"Come in."}


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
