"""The help pages (docs/help), served by the product itself, and which part of them a screen's "?" leads to.

Anybody may read them: they hold nothing of a business. They are rendered once from the release's own files, without raw HTML, and
what comes out passes a list of allowed elements.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nh3
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

from portal.kernel import tongues
from portal.kernel.errors import not_found
from portal.web import spoken

FOLDER = Path(settings.BASE_DIR) / "docs" / "help"
CUSTOMER = "customer"  # the one page that is written in every language of the inbox
TAGS = {"a", "code", "em", "h1", "h2", "li", "ol", "p", "pre", "strong", "ul"}
_ATTRIBUTES = {"a": {"href"}, "h2": {"id"}}
_PAGE = re.compile(r"^([a-z]+)\.md(#.*)?$")

# Paths below /console/ and the part about them; the longest that fits. What no line names leads to the index.
SCREENS = {
    "": "writing#overview", "notifications/": "writing#notifications",
    "compose/": "writing#compose", "templates/": "writing#templates",
    "campaigns/": "writing#campaigns", "messages/": "writing#messages", "messages/unreached/": "writing#not-reached",
    "conversations/": "writing#conversations", "customers/": "writing#customers",
    "customers/audiences/": "writing#audiences", "customers/imports/": "writing#imports", "devices/": "writing#devices",
    "archive/": "officer#archive", "archive/unlock": "officer#open-the-archive", "archive/ceremony": "officer#keys",
    "archive/search/": "officer#search", "archive/cases/": "officer#cases", "archive/audit/": "officer#audit",
    "archive/supervision/": "officer#supervision", "archive/rules/": "officer#retention",
    "archive/holds/": "officer#holds", "archive/disposal/": "officer#disposal", "archive/exports/": "officer#exports",
    "archive/mirrors/": "officer#mirror", "archive/approvals/": "officer#approvals", "archive/keys/": "officer#keys",
    "archive/account/": "officer#account", "archive/log/": "officer#log", "settings/": "owner#settings",
    "settings/staff": "owner#staff",
    "settings/staff/provider/": "owner#your-own-provider", "settings/webhooks": "owner#webhooks", "you/": "owner#you",
    "settings/branding/": "owner#branding", "settings/danger/": "owner#danger-zone",
    "settings/notices/": "owner#notices", "settings/front-desk": "owner#front-desk", "settings/keys": "owner#keys-of-the-api",
}  # fmt: skip
_CONSOLE = "/console/"


@dataclass(frozen=True)
class Page:
    title: str
    html: str


@require_safe
def page(request: HttpRequest, name: str = "index") -> HttpResponse:
    tongue = spoken.tongue(request) if name == CUSTOMER else tongues.ELSE
    if name not in names():
        raise not_found("page")
    written = read(name if tongue == tongues.ELSE else f"{name}.{tongue}")
    frame = {"language": tongue, "direction": tongues.direction(tongue), "skip": spoken.say(tongue, "skip")}
    return render(request, "help/page.html", {"page": written, "is_index": name == "index", **frame})


def link_for(path: str) -> str:
    """Where the "?" of a console's page leads."""
    screen = path.removeprefix(_CONSOLE)
    fitting = [start for start in SCREENS if start and screen.startswith(start)]
    return f"/help/{SCREENS[max(fitting, key=len)]}" if fitting else "/help/" if screen else f"/help/{SCREENS['']}"


@cache
def names() -> frozenset[str]:
    return frozenset(path.stem for path in FOLDER.glob("*.md") if "." not in path.stem)


@cache
def read(name: str) -> Page:
    """Its headings can be linked to; its links lead to pages, not to files."""
    tokens = _markdown().parse((FOLDER / f"{name}.md").read_text(encoding="utf-8"))
    title = ""
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            words = tokens[at + 1].content
            title = title or words
            token.attrSet("id", re.sub(r"[^\w]+", "-", words.casefold()).strip("-"))
        _lead(token.children or ())
    html = _markdown().renderer.render(tokens, _markdown().options, {})
    return Page(title, nh3.clean(html, tags=TAGS, attributes=_ATTRIBUTES, link_rel=None))


def _lead(tokens: Sequence[Token]) -> None:
    for token in tokens:
        if token.type == "link_open" and (found := _PAGE.match(str(token.attrGet("href")))):
            token.attrSet("href", f"/help/{'' if found[1] == 'index' else found[1]}{found[2] or ''}")


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).disable("image")
