"""What a page of the console weighs in script and style, compressed as it is sent: a limit, and no page beyond it."""

import re

import pytest

from portal.launch.environment import PROJECT
from portal.web import statics

MOST = 100 * 1024  # bytes
PAGES = sorted((PROJECT / "templates" / "console").glob("[!_]*.html"))
EXTENDS = re.compile(r'{% extends "([^"]+)" %}')
INCLUDES = re.compile(r'{% include "([^"]+)"')
NAMED = re.compile(r"""{% static ['"]([^'"]+\.(?:js|css))['"]""")
LATER = re.compile(r"""import\(\s*["'`](\.{1,2}/[^"'`]+)""")


def named_in(template: str, seen: set[str]) -> set[str]:
    """Scripts and styles that a page names itself, by what it extends and by its parts."""
    if template in seen:
        return set()
    seen.add(template)
    text = (PROJECT / "templates" / template).read_text(encoding="utf-8")
    others = [*EXTENDS.findall(text), *INCLUDES.findall(text)]
    return set(NAMED.findall(text)).union(*(named_in(one, seen) for one in others))


def brought(names: set[str]) -> set[str]:
    """With all that the scripts import."""
    return {one for name in names for one in (statics.modules(name) if name.endswith(".js") else (name,))}


def weight(names: set[str]) -> int:
    return sum(len(statics.load(name).squeezed or b"") for name in names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_stays_light(page):
    files = brought(named_in(f"console/{page.name}", set()))
    assert {"css/tokens.css", "css/components.css", "js/console.js"} <= files, files
    assert weight(files) <= MOST


def test_nothing_comes_later_that_was_not_weighed():
    """A script that is fetched once a page is open would not be in what it weighs."""
    scripts = {
        name for page in PAGES for name in brought(named_in(f"console/{page.name}", set())) if name.endswith(".js")
    }
    later = {
        name: found for name in scripts if (found := LATER.findall((statics.HOUSE / name).read_text(encoding="utf-8")))
    }
    assert later == {}


def test_all_of_it_together_stays_light():
    """Whoever walks through every page has loaded no more than this."""
    everything = set().union(*(brought(named_in(f"console/{page.name}", set())) for page in PAGES))
    assert weight(everything) <= MOST
