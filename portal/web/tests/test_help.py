"""Help: each screen's "?" leads to a part that exists, names in bold stand on a screen, customers read their language."""

import html
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from portal.kernel import tongues
from portal.testing import browser
from portal.web import help as pages
from portal.web import spoken

STAFF = sorted(pages.names() - {pages.CUSTOMER})


def get(path: str, **headers: str):
    return Client(HTTP_HOST="acme.localhost", headers=headers).get(path)


def parts(name: str) -> set[str]:
    return set(re.findall(r'<h2 id="([^"]+)"', pages.read(name).html))


def screens() -> list[str]:
    """Every path of the console, with something in place of what names a thing."""

    def walk(patterns: list[URLPattern | URLResolver], prefix: str = "") -> list[str]:
        found = []
        for one in patterns:
            route = prefix + str(one.pattern)
            found += walk(one.url_patterns, route) if isinstance(one, URLResolver) else [route]
        return found

    paths = [re.sub(r"<[^>]+>", "1", route) for route in walk(get_resolver("portal.urls").url_patterns)]
    return [path for path in paths if path.startswith("console/")]


def test_every_screens_question_mark_leads_to_a_part_that_exists(acme):
    led = {pages.link_for(f"/{path}") for path in screens()}
    assert len(led) > 25
    for link in led:
        name, _, part = link.removeprefix("/help/").partition("#")
        assert not part or part in parts(name), link
        assert get(link.partition("#")[0]).status_code == 200


def test_the_question_mark_stands_on_the_screens(acme):
    for path, link in (("", "writing#overview"), ("compose/", "writing#compose"), ("settings/", "owner#settings")):
        page = browser.staff(acme, "owner").get(f"/console/{path}").content.decode()
        assert f'href="/help/{link}"' in page


@pytest.mark.parametrize("name", STAFF)
def test_its_links_lead_to_parts_that_exist(name):
    links = re.findall(r'href="([^"]+)"', pages.read(name).html)
    for link in (one for one in links if one.startswith("/help/")):
        page, _, part = link.removeprefix("/help/").partition("#")
        assert (page or "index") in pages.names()
        assert not part or part in parts(page)
    assert [link for link in links if link.endswith(".md")] == []


@pytest.mark.parametrize("name", STAFF)
def test_what_a_page_calls_by_its_name_stands_on_a_screen(name):
    """Bold words are those of a button, a field or a heading: a screen that is renamed takes its help with it."""
    house = Path(settings.BASE_DIR)
    files = [*house.glob("templates/**/*.html"), *house.glob("portal/web/static/js/**/*.js")]
    shown = "\n".join(file.read_text(encoding="utf-8") for file in files)
    bold = {html.unescape(words) for words in re.findall(r"<strong>(.*?)</strong>", pages.read(name).html)} - {"?"}
    assert sorted(words for words in bold if words not in shown) == []


@pytest.mark.parametrize("tongue", sorted(tongues.NAMES))
def test_a_customer_reads_it_in_their_language(acme, tongue):
    page = get("/help/customer", **{"Accept-Language": tongue})
    text = page.content.decode()
    assert re.search(rf'<html lang="{tongue}" dir="{tongues.direction(tongue)}"', text)
    written = pages.read("customer" if tongue == "en" else f"customer.{tongue}")
    assert f"<h1>{written.title}</h1>" in written.html
    assert written.html in text
    assert len(parts("customer" if tongue == "en" else f"customer.{tongue}")) == len(parts("customer"))
    words = set(spoken.book(tongue).values())
    assert {html.unescape(one) for one in re.findall(r"<strong>(.*?)</strong>", written.html)} <= words


@pytest.mark.parametrize("name", ["nothing", "customer.de", "../architecture", "architecture"])
def test_no_other_file_is_a_page(acme, name):
    assert get(f"/help/{name}", Accept="text/html").status_code == 404


def test_it_runs_nothing_and_writes_nothing(acme):
    answer = get("/help/")
    assert "script-src 'self'" in answer["Content-Security-Policy"]
    assert Client(HTTP_HOST="acme.localhost").post("/help/").status_code == 405
    assert "<script" not in answer.content.decode()
