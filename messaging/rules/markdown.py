"""Markdown as a customer sees it: HTML of a few harmless elements. Pure.

Three walls, each enough alone: no HTML of the text is taken up and images are off (markdown-it), whatever comes out passes a
list of allowed elements (nh3), and the pages build their nodes from a list of their own and run no inline script (CSP).

A link leads by https, tel or mailto only, and says where: its host, number or address stands behind it in the open, in
ASCII, so that no text and no look-alike letter passes for another. What is no such link stays as it was typed.
"""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

TAGS = {
    "p", "br", "hr", "strong", "em", "code", "pre", "blockquote", "ul", "ol", "li", "h3", "h4", "a", "span",
}  # fmt: skip
_ATTRIBUTES = {"a": {"href", "rel", "target"}, "ol": {"start"}, "span": {"class"}}
_SCHEMES = {"https", "tel", "mailto"}
_REL = "noopener noreferrer nofollow"
LONGEST_LINK = 500
_PLAIN = re.compile(r"[!-~]+")


def to_html(text: str) -> str:
    """Safe to show. A line break stays one: people write letters, not paragraphs of a book."""
    return nh3.clean(
        _MARKDOWN.render(text), tags=TAGS, attributes=_ATTRIBUTES, url_schemes=_SCHEMES, link_rel=None,
        attribute_filter=_only_where,
    )  # fmt: skip


def _only_where(tag: str, name: str, value: str) -> str | None:
    """The one class there is."""
    return None if name == "class" and value != "where" else value


def where_to(url: str) -> str:
    """What a link says of itself: a host, a number, an address; "" for what must not be a link."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if len(url) > LONGEST_LINK or parts.scheme not in _SCHEMES or not url.isascii():
        return ""
    if parts.scheme != "https":
        said = unquote(parts.path) if not parts.netloc else ""
        return said if _PLAIN.fullmatch(said) else ""
    if not parts.hostname or "@" in parts.netloc or "\\" in url:  # https://bank.example@elsewhere.example
        return ""
    return f"{parts.hostname}:{port}" if port else parts.hostname


def _validate(url: str) -> bool:
    return bool(where_to(url))


class _Renderer(RendererHTML):
    """Two sizes of heading are enough for a message."""

    def heading_open(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        return f"<{_heading(tokens[at])}>"

    def heading_close(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        return f"</{_heading(tokens[at])}>\n"

    def link_open(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: Any) -> str:
        href = str(tokens[at].attrs.get("href", ""))
        env.setdefault("links", []).append((where_to(href), at))
        return f'<a href="{_escaped(href)}" rel="{_REL}" target="_blank">'

    def link_close(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: Any) -> str:
        where, opened = env["links"].pop()
        said = "".join(token.content for token in tokens[opened + 1 : at])
        return "</a>" if said == where else f'</a> <span class="where">({_escaped(where)})</span>'


def _heading(token: Token) -> str:
    return "h3" if token.tag in {"h1", "h2"} else "h4"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def _make() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False, "breaks": True}, renderer_cls=_Renderer)
    made.disable(["image", "html_block", "html_inline"])
    made.validateLink = _validate  # type: ignore[method-assign]
    return made


_MARKDOWN = _make()  # keeps nothing of a text: its rules and options are all it has
