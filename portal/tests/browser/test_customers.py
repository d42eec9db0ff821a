"""An author brings customers in from a file and makes an audience of them: the pages follow the work by themselves."""

import re

import pytest

pytestmark = pytest.mark.browser
ROWS = 1500
PERSON = re.compile(r"Person \d+")


@pytest.fixture(scope="module")
def worker(running):
    """Who does the imports."""
    running.start("worker-bulk")
    yield
    running.kill("worker-bulk")


def test_a_file_comes_in_and_becomes_an_audience(desk, acme, worker):
    rows = (f"X-{n};Person {n};x{n}@example.org;0151 1234567{n % 10};ja\n" for n in range(ROWS))
    raw = ("Kundennr;Name;E-Mail;Telefon;Newsletter\n" + "".join(rows) + ";Zoë;no mail;123;vielleicht\n").encode(
        "cp1252"
    )
    with desk.person("author") as page:
        desk.sign_in(page, acme, "author")
        page.goto(desk.running.page(acme, "/console/customers/imports/"))
        page.set_input_files("[name=file]", {"name": "people.csv", "mimeType": "text/csv", "buffer": raw})
        page.get_by_role("button", name="Upload").click()
        page.get_by_text("read as Windows-1252").wait_for()
        page.select_option("[name=country]", "DE")
        page.fill("[name=source]", "Old list")
        page.fill("[name=tags]", "from-a-file")
        page.get_by_role("button", name="Try it").click()
        page.get_by_text(f"Importing adds {ROWS} and changes 0; 1 row is left out").wait_for()
        page.get_by_role("button", name="Import them").click()
        page.get_by_text("Nobody was told").wait_for()
        page.goto(desk.running.page(acme, "/console/customers/audiences/new"))
        page.fill("[name=tags_any]", "from-a-file")
        page.get_by_text(f"{ROWS:,}", exact=True).wait_for()
        page.fill("[name=value-0]", "nothing")
        page.fill("[name=field-0]", "plan")
        page.get_by_text("Nobody fits").wait_for()
        page.fill("[name=field-0]", "")
        page.fill("[name=name]", "From a file")
        page.get_by_role("button", name="Save").click()
        page.get_by_role("link", name=str(ROWS)).click()
        page.get_by_text(PERSON).first.wait_for()  # whichever come first: many were made in the same millisecond
        page.locator("input.pick").first.check()
        page.get_by_text("1 selected").wait_for()
        page.fill("[name=tagged]", "picked")
        page.get_by_role("button", name="Do it").click()
        page.get_by_text("1 of 1 customer got the tag").wait_for()
