"""Templates at the desk: written in several languages without a script, previewed, compared, used."""

import re

import pytest

from messaging.flows import body, message, template
from messaging.models import Body, Conversation, Message
from messaging.rules import difference, wording
from portal.kernel import clock
from portal.testing import browser

FORM = {
    "act": "save", "name": "Reminder", "format": "markdown", "count": "2", "default": "0", "variables": "day, what",
    "language-0": "en", "subject-0": "About {{what}}", "body-0": "Dear {{name|customer}},\r\n**{{day:date}}**",
    "language-1": "de", "subject-1": "", "body-1": "Hallo {{name|}}, **{{day:date}}** {{what}}",
}  # fmt: skip


@pytest.fixture
def reminder(author):
    answer = author.post("/console/templates/new", FORM)
    assert answer.status_code == 302, answer.content
    return answer["Location"]


def text_of(answer):
    return re.sub(r"\s+", " ", answer.content.decode())


def test_it_is_written_listed_found_and_exported(author, reminder):
    page = author.get(reminder)
    assert "Dear {{name|customer}}, **{{day:date}}**" in text_of(page)
    assert reminder.encode() in author.get("/console/templates/?q=remind").content
    assert reminder.encode() not in author.get("/console/templates/?q=other").content
    assert reminder.encode() not in author.get("/console/templates/?kind=quick").content
    assert b"Reminder,False,markdown" in author.get("/console/templates/?format=csv").content


def test_answers_are_written_shown_and_told_at_their_text(author):
    written = {**FORM, "answers-0": " I will come \r\n\r\nAnother <day>"}
    assert "A line each" in text_of(author.get("/console/templates/new"))
    seen = author.post("/console/templates/preview", written).json()["texts"]
    assert [one["answers"] for one in seen] == [["I will come", "Another <day>"], []]
    path = author.post("/console/templates/new", written)["Location"]
    page = text_of(author.get(path))
    assert "I will come Another &lt;day&gt;</textarea>" in page
    assert '<span class="badge" dir="auto">Another &lt;day&gt;</span>' in page
    author.post(path, {**written, "version": "1", "answers-0": "I will come\nNo"})
    assert "Another &lt;day&gt;</del>" in text_of(author.get(f"{path}versions/2/"))
    refused = author.post("/console/templates/new", {**written, "answers-1": "Hallo {{name}}"})
    assert refused.status_code == 422
    assert (
        'name="answers-1" rows="2" aria-describedby="f-answers-1-about" aria-invalid="true">Hallo {{name}}<'
        in text_of(refused)
    )


def test_a_language_comes_and_goes_without_a_script_and_nothing_typed_is_lost(author):
    more = text_of(author.post("/console/templates/new", {**FORM, "act": "add"}))
    assert 'name="language-2" value="es"' in more
    assert "Hallo {{name|}}" in more
    less = text_of(author.post("/console/templates/new", {**FORM, "act": "remove-0"}))
    assert 'name="language-0" value="de"' in less
    assert "Dear" not in less


@pytest.mark.parametrize(("change", "said"), [
    ({"body-1": "Hallo {{nmae}}"}, ("No customer and no call has this variable. Check its name, or list it as a variable of the "
     "template. (nmae)")), ({"body-0": "{{" * 5000}, "A variable cannot hold another one. (character 3)"),
    ({"language-1": "en"}, "Two texts are in the same language"), ({"name": ""}, "A name has 1 to 100 characters"),
])  # fmt: skip
def test_what_is_wrong_is_said_where_it_is_and_nothing_is_lost(author, change, said):
    answer = author.post("/console/templates/new", {**FORM, **change})
    assert answer.status_code == 422
    page = text_of(answer)
    assert said in page
    assert "About {{what}}" in page


def test_who_was_slower_is_told_on_the_page(author, reminder):
    assert author.post(reminder, {**FORM, "version": "1", "body-0": "first"}).status_code == 302
    slower = author.post(reminder, {**FORM, "version": "1", "body-0": "my own words"})
    assert slower.status_code == 422
    assert "Somebody else changed this template meanwhile" in text_of(slower)
    assert "my own words" in text_of(slower)


def test_a_version_shows_what_it_changed(author, reminder):
    author.post(reminder, {**FORM, "version": "1", "body-0": "Dear {{name|patient}},\r\n**{{day:date}}**"})
    page = text_of(author.get(f"{reminder}versions/2/"))
    assert '<del><span class="visually-hidden">removed: </span>{{name|customer}},</del>' in page
    assert '<ins><span class="visually-hidden">added: </span>{{name|patient}},</ins>' in page
    assert author.get(f"{reminder}versions/3/").status_code == 404


def test_the_preview_is_what_a_customer_would_get(acme, author):
    person = acme.customer(name="[Ada](https://evil.example)", fields={"day": "2026-08-03"})
    seen = author.post("/console/templates/preview", {**FORM, "customer": str(person)}).json()["texts"]
    assert [one["problem"] for one in seen] == ["", ""]
    assert seen[0]["html"] == "<p>Dear [Ada](https://evil.example),<br>\n<strong>August 3, 2026</strong></p>\n"
    assert (seen[0]["subject"], "3. August 2026" in seen[1]["body"]) == ("About [what]", True)
    bad = author.post("/console/templates/preview", {**FORM, "body-0": "{{oops}}"}).json()["texts"]
    assert "(oops)" in bad[0]["problem"]
    assert bad[1]["problem"] == ""


def test_a_message_is_written_by_a_template(acme, author, reminder):
    person = acme.customer(name="Ada", language="de")
    template_id = reminder.rstrip("/").rsplit("/", 1)[-1]
    assert f'value="{template_id}" selected' in text_of(author.get(f"/console/compose/?template={template_id}"))
    values = {
        "customer": str(person),
        "to": "Ada",
        "template": template_id,
        "gone_after": "3600",
        "send": "now",
        "var-what": "x",
    }
    seen = author.post("/console/compose/preview", values).json()
    assert "(day)" in seen["problem"]
    assert [one["name"] for one in seen["asks"]] == ["what", "day"]
    refused = author.post("/console/compose/", values)
    assert refused.status_code == 422
    assert "This recipient has no value for a variable. (day)" in text_of(refused)
    sent = author.post("/console/compose/", {**values, "var-day": "2026-08-03"})
    assert sent.status_code == 302
    assert "<strong>3. August 2026</strong>" in text_of(author.get(sent["Location"]))


def test_a_quick_answer_is_put_into_the_reply_and_not_sent(acme, author):
    person = acme.customer(name="Ada")
    phone = acme.handset(person)
    with acme.inside():
        text = wording.Wording({"en": wording.Text("", "Thank you, {{name}}.")})
        quick = template.create(actor=acme.author, now=clock.now(), name="Thanks", text=text, is_quick_answer=True)
        lacks = wording.Wording({"en": wording.Text("", "About {{what}}")}, variables=("what",))
        template.create(actor=acme.author, now=clock.now(), name="Lacking", text=lacks, is_quick_answer=True)
        message.receive(actor=acme.actor_of(phone, person), now=clock.now(), customer_id=person, text="hello")
        talk = Conversation.objects.get(customer_id=person)
    page = text_of(author.get(f"/console/conversations/{talk.id}/"))
    assert 'data-quick="Thank you, Ada."' in page
    assert "Lacking" not in page
    put = text_of(author.post(f"/console/conversations/{talk.id}/reply", {"body": "Dear Ada,", "quick": str(quick)}))
    assert "Dear Ada, Thank you, Ada.</textarea>" in put
    with acme.inside():
        assert not Message.objects.filter(customer_id=person, direction="out").exists()
    author.post(
        f"/console/conversations/{talk.id}/reply", {"body": "*Yes*", "format": "markdown", "gone_after": "3600"}
    )
    with acme.inside():
        row = Message.objects.get(customer_id=person, direction="out")
        stored = Body.objects.get(message_id=row.id)
        assert row.format == "markdown"
        assert body.open_(body.Row(row.id, row.customer_id, stored.wrap, stored.sealed))["body"] == "*Yes*"


def test_it_is_deleted_and_others_find_nothing(acme, globex, author, officer, reminder):
    assert officer.get(reminder).status_code == 404
    assert browser.staff(globex, "author").get(reminder).status_code == 404
    assert author.post(f"{reminder}delete").status_code == 302
    assert author.get(reminder).status_code == 404


def test_a_difference_reads_as_people_would_say_it():
    pieces = difference.between("one two three\nfour\n", "one 2 three\nfour\nfive\n")
    assert [(piece.kind, piece.text) for piece in pieces] == [
        ("same", "one "), ("gone", "two"), ("came", "2"), ("same", " three\nfour\n"), ("came", "five\n"),
    ]  # fmt: skip
    for before, after in (("a " * 8000, "b " * 8000), ("\n" * 16_000, "a\n" * 8_000), ("", "x"), ("x", "")):
        pieces = difference.between(before, after)
        assert "".join(piece.text for piece in pieces if piece.kind != "came") == before
        assert "".join(piece.text for piece in pieces if piece.kind != "gone") == after
