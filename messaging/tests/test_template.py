"""Templates: what fills a variable, what is refused, and that no text is code."""

import contextlib
import time
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.rules import template
from portal.kernel.errors import Refusal


def refused(text):
    with pytest.raises(Refusal) as caught:
        template.parse(text)
    return caught.value


def parsed_or_refusal(text):
    try:
        return template.parse(text)
    except Refusal as refusal:
        return refusal


def test_a_text_asks_for_names_each_once():
    parsed = template.parse("{{name}}, {{ due : date }}: {{name|you}} {{amount due:number|0}}")
    assert parsed.variables == ("name", "due", "amount due")
    assert [place.kind for place in parsed.places] == ["text", "date", "text", "number"]
    assert [place.fallback for place in parsed.places] == [None, None, "you", "0"]


def test_values_stand_where_their_names_stood():
    parsed = template.parse("Dear {{name|customer}}, {{what}}.")
    assert template.render(parsed, {"name": "Ada", "what": "{{name}} %s {0}"}, "en") == "Dear Ada, {{name}} %s {0}."
    assert template.render(parsed, {"name": "  ", "what": "x"}, "en") == "Dear customer, x."
    assert template.render(template.parse("a{{b|}}c"), {}, "en") == "ac"
    assert template.render(template.parse("no variable } }} {"), {}, "en") == "no variable } }} {"


@pytest.mark.parametrize(("language", "day", "sum_"), [
    ("en", "August 3, 2026", "12,345.50"), ("en-GB", "3 August 2026", "12,345.50"), ("de-AT", "3. August 2026", "12.345,50"),
    ("fr", "3 août 2026", "12\u202f345,50"), ("es", "3 de agosto de 2026", "12.345,50"), ("nl", "3 augustus 2026", "12.345,50"),
    ("de-XX", "3. August 2026", "12.345,50"), ("xx", "August 3, 2026", "12,345.50"), ("../../etc", "August 3, 2026", "12,345.50"),
])  # fmt: skip
def test_dates_and_numbers_are_in_the_recipients_language(language, day, sum_):
    parsed = template.parse("{{due:date}}|{{sum:number}}")
    written = template.render(parsed, {"due": "2026-08-03", "sum": "12345.50"}, language)
    assert written.replace("\xa0", "\u202f") == f"{day}|{sum_}"


@pytest.mark.parametrize(
    "value", [date(2026, 8, 3), datetime(2026, 8, 3, 22, tzinfo=UTC), " 2026-08-03 ", "2026-08-03T10:00:00Z"]
)
def test_a_day_may_come_in_any_of_these(value):
    assert template.render(template.parse("{{d:date}}"), {"d": value}, "nl") == "3 augustus 2026"


@pytest.mark.parametrize(
    ("value", "written"), [(3, "3"), (3.0, "3"), (0.1, "0.1"), (Decimal("7.00"), "7.00"), (-1234, "-1,234")]
)
def test_a_number_keeps_its_decimals(value, written):
    assert template.render(template.parse("{{n:number}}"), {"n": value}, "en") == written


@pytest.mark.parametrize(("kind", "value"), [
    ("date", "31.12.2026"), ("date", "2026-02-30"), ("date", 5), ("date", True), ("number", "1e999999999"), ("number", "nan"),
    ("number", "1,5"), ("number", True), ("number", float("inf")), ("number", float("nan")), ("number", 10**30),
    ("number", "9" * 5000), ("text", ["x"]), ("text", True), ("text", object()),
])  # fmt: skip
def test_a_value_of_another_type_is_refused_and_not_repeated(kind, value):
    with pytest.raises(Refusal) as caught:
        template.render(template.parse(f"{{{{v:{kind}|fallback}}}}"), {"v": value}, "en")
    assert (caught.value.code, caught.value.fields) == ("wrong_value", {"variable": "v"})


def test_who_has_no_value_and_no_fallback_is_refused():
    for values in ({}, {"name": None}, {"name": " "}):
        with pytest.raises(Refusal) as caught:
            template.render(template.parse("{{name}}"), values, "en")
        assert (caught.value.code, caught.value.fields) == ("missing_value", {"variable": "name"})


@pytest.mark.parametrize(("text", "code", "position"), [
    ("{{" * 10_000 + "}}" * 10_000, "template_too_long", None), ("{{" * 5_000 + "}}" * 3_000, "nested_variable", 2),
    ("ab {{a|{{b}}}}", "nested_variable", 7), ("{{{name}}}", "nested_variable", 2), ("a {{name", "unclosed_variable", 2),
    ("{{" + "a" * 16_000, "unclosed_variable", 0), ("a {{name} b }}", "bad_variable", 2), ("{{}}", "bad_variable", 0),
    ("x{{a.b}}", "bad_variable", 1), ("{{__class__.x}}", "bad_variable", 0), ("{{a[0]}}", "bad_variable", 0),
    ("{{a()}}", "bad_variable", 0), ("{{1}}", "bad_variable", 0), ("{{a|b\nc}}", "bad_variable", 0), ("{{a:}}", "unknown_type", 0),
    ("{{a:code}}", "unknown_type", 0), ("{{a|" + "b" * 201 + "}}", "bad_variable", 0), ("{{" + "a" * 61 + "}}", "bad_variable", 0),
    ("{{a}}" * 101, "too_many_variables", 500),
])  # fmt: skip
def test_what_is_no_variable_is_refused_with_its_place(text, code, position):
    said = refused(text)
    assert (said.code, said.fields.get("position")) == (code, position)


def test_a_name_that_nobody_fills_is_refused_with_what_was_meant():
    parsed = template.parse("Hello {{name}}, {{apointment:date}}")
    template.check_known(parsed, {"name", "apointment"})
    with pytest.raises(Refusal) as caught:
        template.check_known(parsed, {"name", "appointment"})
    assert caught.value.fields == {"field": "body", "position": 16, "variable": "apointment", "meant": "appointment"}


def test_a_value_makes_no_markup():
    parsed = template.parse("**Hi {{name}}**")
    written = template.render(parsed, {"name": "[x](https://evil.example) <b>*&amp;`#"}, "en", "markdown")
    assert written == "**Hi \\[x\\]\\(https://evil.example\\) \\<b\\>\\*\\&amp;\\`\\#**"
    assert "\n" not in template.render(parsed, {"name": "a\n\n# b"}, "en", "markdown")


def test_hard_texts_take_no_longer_than_their_length():
    hard = ["{" * 16_000, "{{a|" * 4_000, "{{" + "|" * 16_000, "{ {" * 5_000, "}}" * 8_000]
    started = time.perf_counter()
    for text in hard:
        with contextlib.suppress(Refusal):
            template.parse(text)
    assert time.perf_counter() - started < 0.5


@given(st.text(alphabet="{}|:na \n", max_size=60))
def test_any_text_is_parsed_or_refused(text):
    parsed = parsed_or_refusal(text)
    if isinstance(parsed, Refusal):
        assert 0 <= parsed.fields["position"] < len(text)
        return
    again = "".join(
        literal + (text[place.position : text.index("}}", place.position) + 2] if place else "")
        for literal, place in zip(parsed.literals, [*parsed.places, None], strict=True)
    )
    assert again == text
