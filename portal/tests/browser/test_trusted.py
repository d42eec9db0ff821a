"""Trusted Types in a real Chromium: a string that some script would make markup, code or a script's address of throws instead."""

import pytest

from portal.tests.browser.conftest import new_customer

pytestmark = pytest.mark.browser
SINKS = {
    "innerHTML": """() => { document.createElement("div").innerHTML = "<b>x</b>"; }""",
    "outerHTML": """() => { document.body.appendChild(document.createElement("i")).outerHTML = "<b>x</b>"; }""",
    "insertAdjacentHTML": """() => document.body.insertAdjacentHTML("beforeend", "<b>x</b>")""",
    "DOMParser": """() => { new DOMParser().parseFromString("<b>x</b>", "text/html"); }""",
    "script.src": """() => { document.createElement("script").src = "/static/js/copy.js"; }""",
    "script.text": """() => { document.createElement("script").text = "1"; }""",
    "a worker": """() => { new Worker("/static/js/copy.js"); }""",
    "another policy": """() => { trustedTypes.createPolicy("mine", { createHTML: (one) => one }); }""",
    "a default policy": """() => { trustedTypes.createPolicy("default", { createHTML: (one) => one }); }""",
}
THROWN = """(sink) => { try { sink(); return "it ran"; } catch (error) { return error.name; } }"""


def test_a_string_becomes_nothing_but_text(desk, acme, api):
    _, link = new_customer(api, "Tessa Types")
    with desk.person("author") as author, desk.person("customer") as customer:
        desk.sign_in(author, acme, "author")
        author.goto(desk.running.page(acme, "/console/compose/"))
        desk.enrol(customer, link)
        desk.watch.quiet = True  # each is said on the console, too
        for page in (author, customer):
            found = {name: page.evaluate(f"() => ({THROWN})({sink})") for name, sink in SINKS.items()}
            assert found == dict.fromkeys(SINKS, "TypeError"), page.url
