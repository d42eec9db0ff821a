"""Markdown: what a customer sees of it, and that no text makes more of it than that."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.rules import markdown

TAG = re.compile(r"<[^>]*>")
LINK = re.compile(r'<a href="(https://|tel:|mailto:)[^"<>\s]*" rel="noopener noreferrer nofollow" target="_blank">')


def test_what_people_write_looks_as_they_meant_it():
    text = "# Hello *you*\nfirst\nsecond\n\n- one\n- two\n\n3. three\n\n> said\n\n`a < b`\n\n**bold** ~~no~~"
    assert markdown.to_html(text).replace("\n", "") == (
        "<h3>Hello <em>you</em></h3><p>first<br>second</p><ul><li>one</li><li>two</li></ul>"
        '<ol start="3"><li>three</li></ol><blockquote><p>said</p></blockquote><p><code>a &lt; b</code></p>'
        "<p><strong>bold</strong> ~~no~~</p>"
    )


@pytest.mark.parametrize(("text", "href", "where"), [
    ("[Pay](https://bank.example/x?a=1&b=2)", "https://bank.example/x?a=1&amp;b=2", "bank.example"),
    ("[https://bank.example](https://evil.example)", "https://evil.example", "evil.example"),
    ("[x](https://аррӏе.com)", "https://xn--80ak6aa92e.com", "xn--80ak6aa92e.com"),
    ("[x](https://e.example:8443/)", "https://e.example:8443/", "e.example:8443"),
    ("[call](tel:+49301234)", "tel:+49301234", "+49301234"),
    ("[write](mailto:a@b.example)", "mailto:a@b.example", "a@b.example"),
    ("[r]\n\n[r]: https://e.example", "https://e.example", "e.example"),
    ("![picture](https://e.example/x.png)", "https://e.example/x.png", "e.example"),
])  # fmt: skip
def test_a_link_says_where_it_leads(text, href, where):
    made = markdown.to_html(text)
    assert f'href="{href}" rel="noopener noreferrer nofollow" target="_blank"' in made
    assert f'</a> <span class="where">({where})</span>' in made
    assert "<img" not in made


def test_a_link_that_is_its_own_address_does_not_say_it_twice():
    assert "where" not in markdown.to_html("<a@b.example> [+49301](tel:+49301) [e.example](https://e.example)")


@pytest.mark.parametrize("url", [
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "&#x6A;avascript:alert(1)", "data:text/html,hi", "vbscript:x", "http://e.example",
    "//e.example", "/inbox/sign-out", "file:///etc/passwd", "https:e.example", "https://bank.example@evil.example", "https://",
    "https:\\\\e.example", "blob:https://e.example/1", "tel:", "mailto://x@y", "tel:%e2%80%ae1", "ftp://e.example", "https://e:x/",
    "https://e.example/" + "a" * 500,
])  # fmt: skip
def test_other_links_stay_as_they_were_typed(url):
    assert "<a" not in markdown.to_html(f"[x]({url}) <{url}>")


@pytest.mark.parametrize("text", [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '<a href="javascript:x">', "<b>x</b>", "<!-- x -->", "<?php ?>",
    "<![CDATA[x]]>", "<style>*{}</style>", "```html\n<script>\n```", "<svg/onload=x>", "[x](https://e.example \"><script>\")",
    '[x](https://e.example/"onclick="x)', "&lt;script&gt;", "\\<script\\>", "<https://e.example/<script>>", "| <td> |",
])  # fmt: skip
def test_no_markup_of_a_text_is_taken_up(text):
    strange = [tag for tag in TAG.findall(markdown.to_html(text)) if not _is_known(tag)]
    assert strange == []


@given(st.text(alphabet="[]()<>*_`#!&;:/\\\"'= \nahrefxjtps.@-~1", max_size=80))
def test_whatever_is_typed_only_known_elements_come_out(text):
    assert all(_is_known(tag) for tag in TAG.findall(markdown.to_html(text)))


def _is_known(tag):
    plain = {f"<{name}>" for name in markdown.TAGS} | {f"</{name}>" for name in markdown.TAGS}
    return tag in plain or bool(LINK.fullmatch(tag) or re.fullmatch(r'<ol start="\d+">|<span class="where">', tag))


def test_hard_texts_take_no_time():
    hard = [
        "[" * 16_000,
        "*a " * 5_000,
        "`" * 16_000,
        "> " * 8_000,
        "![[" * 5_000,
        "a*" * 8_000,
        "[a](b" * 3_000,
        "- " * 8_000,
    ]
    started = time.perf_counter()
    for text in hard:
        markdown.to_html(text)
    assert time.perf_counter() - started < 5
