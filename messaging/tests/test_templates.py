"""Templates at the doors of a program: written, changed by two at once, sent by, and nobody else's."""

import json
from datetime import timedelta

import pytest

from archive.models import Entry
from messaging.flows import body, message, template
from messaging.models import Body, Message, Template, TemplateVersion
from messaging.queries import templates
from messaging.rules import wording
from messaging.rules.compose import Compose
from portal.kernel import clock, ids
from portal.kernel.errors import Refusal
from portal.testing import browser

TEXTS = {
    "en": {
        "subject": "Your {{what}}", "body": "Dear {{name|customer}}, {{sum:number}} is due on {{due:date}}.",
        "answers": ["Thank you", "I have a question"],
    },
    "de": {"subject": "", "body": "Guten Tag {{name|}}, {{sum:number}} EUR bis {{due:date}}.", "answers": []},
}  # fmt: skip
GIVEN = {"what": "invoice", "sum": "1234.50", "due": "2026-08-03"}


def ask(cast, method, path, data=None, **headers):
    client = browser.program(cast, **headers)
    return getattr(client, method)(f"/api/v1/{path}", json.dumps(data or {}), content_type="application/json")


def made(cast, **more):
    asked = {"name": "Invoice", "texts": TEXTS, "variables": ["what", "sum", "due"], **more}
    answer = ask(cast, "post", "templates", asked)
    assert answer.status_code == 201, answer.content
    return answer.json()


def words_of(cast, message_id):
    with cast.inside():
        row, stored = Message.objects.get(id=message_id), Body.objects.get(message_id=message_id)
        return row.format, body.open_(body.Row(row.id, row.customer_id, stored.wrap, stored.sealed))


def test_a_template_is_written_read_and_listed(acme):
    one = made(acme, quick_answer=True, format="markdown")
    assert one["asks_for"] == ["what", "name", "sum", "due"]
    assert (one["version"], one["language"], one["texts"]) == (1, "en", TEXTS)
    found = browser.program(acme).get("/api/v1/templates?quick_answer=true&limit=1").json()["results"]
    assert found == [one]
    told = browser.program(acme).get(f"/api/v1/templates/{one['id']}").json()
    assert {**told, **one} == told
    assert [version["number"] for version in told["versions"]] == [1]
    with acme.inside():
        row = Template.objects.get(id=one["id"])
        assert b"Invoice" not in bytes(row.sealed_name)
        assert b"due" not in bytes(row.versions.get().sealed)
        leaves = [bytes(leaf) for leaf in Entry.objects.filter(kind="template.created").values_list("leaf", flat=True)]
    assert sum(one["id"].encode() in leaf for leaf in leaves) == 1
    assert not any(b"Invoice" in leaf for leaf in leaves)


def test_each_is_written_to_in_their_own_language(acme):
    one = made(acme)
    for language, said in (
        ("en-GB", "Dear Ada, 1,234.50 is due on 3 August 2026."), ("de-AT", "Guten Tag Ada, 1.234,50 EUR bis 3. August 2026."),
        ("fr", "Dear Ada, 1,234.50 is due on August 3, 2026."),
    ):  # fmt: skip
        customer = acme.customer(name="Ada", language=language)
        sent = ask(acme, "post", "messages", {"customer": str(customer), "template": one["id"], "variables": GIVEN})
        assert sent.status_code == 201, sent.content
        form, content = words_of(acme, sent.json()["id"])
        assert (form, content["body"]) == ("text", said)
        assert content["subject"] == ("" if language == "de-AT" else "Your invoice")
        assert content.get("answers", []) == ([] if language == "de-AT" else ["Thank you", "I have a question"])


def test_answers_are_of_one_language_or_of_the_call(acme):
    answer = ask(acme, "post", "templates", {"name": "Visit", "body": "Come in.", "answers": ["Yes", "No"]})
    one = answer.json()
    assert one["texts"]["en"]["answers"] == ["Yes", "No"]
    customer = str(acme.customer())
    for more, said in (({}, ["Yes", "No"]), ({"answers": ["At noon"]}, ["At noon"])):
        sent = ask(acme, "post", "messages", {"customer": customer, "template": one["id"], **more})
        assert words_of(acme, sent.json()["id"])[1]["answers"] == said
    changed = ask(acme, "patch", f"templates/{one['id']}", {"answers": ["Yes"]}).json()
    assert (changed["version"], changed["texts"]["en"]["body"]) == (2, "Come in.")
    assert ask(acme, "patch", f"templates/{one['id']}", {"body": "Go."}).json()["texts"]["en"]["answers"] == ["Yes"]


@pytest.mark.parametrize(("answers", "code"), [
    (["a", "b", "c", "d", "e"], "too_many_answers"), (["x" * 41], "bad_answer"), (["Yes", " Yes"], "bad_answer"),
    (["two\nlines"], "bad_answer"), (["I am {{name}}"], "bad_answer"), (["{{"], "unclosed_variable"), ([" "], "bad_answer"),
])  # fmt: skip
def test_answers_that_no_button_could_say_are_refused_with_their_language(acme, answers, code):
    answer = ask(
        acme,
        "post",
        "templates",
        {"name": "Visit", "texts": {"de": {"body": "x", "answers": answers}}, "language": "de"},
    )
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert (answer.json()["field"], answer.json()["language"]) == ("answers", "de")


def test_own_fields_fill_variables_and_the_call_wins(acme):
    acme.customer(fields={"city": "Ulm"})
    answer = ask(acme, "post", "templates", {"name": "City", "body": "{{city}} {{name}}"})
    assert answer.status_code == 201, answer.content
    customer = acme.customer(name="Ada", fields={"city": "Bonn", "name": "never"})
    for given, said in (({}, "Bonn Ada"), ({"city": "Köln"}, "Köln Ada")):
        sent = ask(
            acme, "post", "messages", {"customer": str(customer), "template": answer.json()["id"], "variables": given}
        )
        assert words_of(acme, sent.json()["id"])[1]["body"] == said


def test_in_a_batch_only_who_has_no_value_is_refused(acme):
    one = made(acme)
    customer = str(acme.customer(name=""))
    batch = [
        {"customer": customer, "template": one["id"], "variables": GIVEN},
        {"customer": customer, "template": one["id"], "variables": {**GIVEN, "due": None}},
        {"customer": customer, "template": one["id"], "variables": {**GIVEN, "sum": "much"}},
        {"customer": customer, "template": str(ids.uuid7()), "variables": GIVEN},
        {"customer": customer, "body": "{{name}} is literal"},
    ]
    results = ask(acme, "post", "messages/batch", {"messages": batch}).json()["results"]
    assert [one.get("code") for one in results] == [None, "missing_value", "wrong_value", "unknown_template", None]
    assert results[1]["variable"] == "due"
    assert words_of(acme, results[4]["id"])[1]["body"] == "{{name}} is literal"


BAD = {
    "unknown_variable": [{"body": "Hi {{nmae}}"}],
    "nested_variable": [{"body": "{{" * 5000}],
    "unclosed_variable": [{"body": "{{name"}, {"body": "a", "subject": "{{" + "a" * 10}],
    "bad_variable": [{"body": "{{name.__class__}}"}],
    "empty_body": [{"body": ""}],
    "body_too_large": [{"body": "x" * 16385}],
    "bad_characters": [{"body": "a\x00"}, {"body": "a", "subject": "a\nb"}],
    "bad_languages": [{"texts": {}}, {}],
    "bad_language": [{"texts": {"e_n": {"body": "x"}}, "language": "e_n"}],
    "no_default_language": [{"texts": TEXTS, "language": "fr", "variables": list(GIVEN)}],
    "body_or_texts": [{"body": "a", "texts": TEXTS}],
    "unknown_format": [{"body": "a", "format": "html"}],
    "bad_variables": [{"body": "a", "variables": ["a.b"]}],
    "bad_name": [{"body": "a", "name": ""}, {"body": "a", "name": "n" * 101}],
    "template_too_large": [{"texts": {f"a{chr(97 + n)}": {"body": "x" * 9000} for n in range(20)}, "language": "aa"}],
}


@pytest.mark.parametrize(("code", "asked"), [(code, asked) for code, tries in BAD.items() for asked in tries])
def test_what_nobody_could_send_is_refused(acme, code, asked):
    answer = ask(acme, "post", "templates", {"name": "Bad", **asked})
    assert answer.json()["code"] == code
    assert answer.status_code in {413, 422}


def test_an_unknown_variable_says_where_and_what_was_meant(acme):
    texts = {"en": {"body": "Hi {{name}}"}, "de": {"body": "Hallo {{nmae}}"}}
    told = ask(acme, "post", "templates", {"name": "Bad", "texts": texts}).json()
    assert {name: told[name] for name in ("field", "language", "position", "variable", "meant")} == {
        "field": "body", "language": "de", "position": 6, "variable": "nmae", "meant": "name",
    }  # fmt: skip


NONE = str(ids.uuid7())
UNSENDABLE = [
    ({"body": "x", "template": NONE}, "body_or_template"),
    ({"body": "x", "variables": {"a": 1}}, "variables_without_template"),
    ({"template": NONE, "variables": {"a": ["b"]}}, "bad_value"),
    ({"template": NONE, "variables": {"a": "b\x00"}}, "bad_value"),
    ({"template": NONE, "variables": {f"a{n}": "b" for n in range(101)}}, "bad_value"),
    ({"template": "x"}, "unknown_template"),
    ({"template": NONE}, "unknown_template"),
]


@pytest.mark.parametrize(("asked", "code"), UNSENDABLE)
def test_a_message_by_template_that_cannot_be_sent(acme, asked, code):
    answer = ask(acme, "post", "messages", {"customer": str(acme.customer()), **asked})
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_rendered_text_must_be_one_that_can_be_sent(acme):
    one = ask(
        acme, "post", "templates", {"name": "Long", "body": "{{a}}" * 20, "subject": "{{b|s}}", "variables": ["a", "b"]}
    ).json()
    for given, code in (({"a": "x" * 4000}, "body_too_large"), ({"a": "x", "b": "y" * 201}, "subject_too_long")):
        asked = {"customer": str(acme.customer()), "template": one["id"], "variables": given}
        assert ask(acme, "post", "messages", asked).json()["code"] == code
    asked["variables"] = {"a": "x", "b": "two\nlines"}
    assert words_of(acme, ask(acme, "post", "messages", asked).json()["id"])[1]["subject"] == "two lines"


def test_a_value_makes_no_link_in_markdown(acme):
    one = ask(acme, "post", "templates", {"name": "MD", "body": "Hi {{name}}", "format": "markdown"}).json()
    customer = acme.customer(name="[pay](https://evil.example)")
    sent = ask(acme, "post", "messages", {"customer": str(customer), "template": one["id"]}).json()
    assert words_of(acme, sent["id"]) == ("markdown", {
        "subject": "", "body": "Hi \\[pay\\]\\(https://evil.example\\)", "attachments": [],
    })  # fmt: skip


def test_a_change_of_the_text_is_a_new_version_and_the_old_stays(acme):
    one = made(acme)
    path = f"templates/{one['id']}"
    assert ask(acme, "patch", path, {"name": "Bill", "quick_answer": True}).json()["version"] == 1
    changed = ask(acme, "patch", path, {"body": "New {{name}}", "version": 1}).json()
    assert (changed["version"], changed["name"], changed["quick_answer"]) == (2, "Bill", True)
    assert changed["texts"] == {**TEXTS, "en": {**TEXTS["en"], "body": "New {{name}}"}}
    assert browser.program(acme).get(f"/api/v1/{path}?version=1").json()["texts"] == TEXTS
    assert browser.program(acme).get(f"/api/v1/{path}?version=3").status_code == 404
    assert browser.program(acme).get(f"/api/v1/{path}?version=x").json()["code"] == "bad_version"


def test_who_was_slower_is_told_and_overwrites_nothing(acme):
    one = made(acme)
    path = f"templates/{one['id']}"
    assert ask(acme, "patch", path, {"body": "first", "version": 1}).status_code == 200
    slower = ask(acme, "patch", path, {"body": "second", "version": 1})
    assert (slower.status_code, slower.json()["code"], slower.json()["version"]) == (409, "template_changed", 2)
    assert browser.program(acme).get(f"/api/v1/{path}").json()["texts"]["en"]["body"] == "first"


def test_deleted_it_is_gone_with_its_versions_and_what_was_sent_stays(acme):
    one = made(acme)
    customer = str(acme.customer(name="Ada"))
    sent = ask(acme, "post", "messages", {"customer": customer, "template": one["id"], "variables": GIVEN}).json()
    assert browser.program(acme).delete(f"/api/v1/templates/{one['id']}").status_code == 204
    assert browser.program(acme).get(f"/api/v1/templates/{one['id']}").status_code == 404
    with acme.inside():
        assert not TemplateVersion.objects.filter(template_id=one["id"]).exists()
    assert words_of(acme, sent["id"])[1]["body"].startswith("Dear Ada")
    again = ask(acme, "post", "messages", {"customer": customer, "template": one["id"], "variables": GIVEN})
    assert again.json()["code"] == "unknown_template"


def test_a_scheduled_message_has_the_words_of_its_day_of_writing(acme):
    one = made(acme)
    asked = {
        "customer": str(acme.customer(name="Ada")),
        "template": one["id"],
        "variables": GIVEN,
        "send_at": "2099-01-01T00:00:00Z",
    }
    assert ask(acme, "post", "messages", asked).json()["code"] == "send_at_far"
    asked["send_at"] = clock.text(clock.now() + timedelta(hours=1))
    sent = ask(acme, "post", "messages", asked).json()
    assert ask(acme, "patch", f"templates/{one['id']}", {"body": "another"}).status_code == 200
    assert words_of(acme, sent["id"])[1]["body"].startswith("Dear Ada")


def test_the_other_business_has_no_such_template(acme, globex):
    one = made(acme)
    assert browser.program(globex).get(f"/api/v1/templates/{one['id']}").status_code == 404
    asked = {"customer": str(globex.customer()), "template": one["id"], "variables": GIVEN}
    assert ask(globex, "post", "messages", asked).json()["code"] == "unknown_template"
    with globex.inside(), pytest.raises(Refusal) as refused:
        message.send(
            actor=globex.author,
            now=clock.now(),
            asked=Compose(customer=globex.customer(), template=ids.parse_uuid(one["id"])),
        )
    assert refused.value.code == "unknown_template"


def test_who_may_not_write_templates_does_not(acme):
    with acme.inside():
        text = wording.Wording({"en": wording.Text("", "x")})
        with pytest.raises(Refusal) as refused:
            template.create(actor=acme.officer, now=clock.now(), name="x", text=text)
        assert refused.value.code == "not_allowed"
        with pytest.raises(Refusal):
            templates.get_templates_for(acme.officer)
