"""The shell of the inbox: every word in every language, few bytes, installable, and no content in what is kept of it."""

import gzip
import json
import re

import pytest
from django.conf import settings
from django.test import Client

from portal.web import statics

SCRIPTS = statics.HOUSE / "js" / "inbox"
LANGUAGES = ("de", "en", "es", "fr", "nl")
BUDGET = 60 * 1024  # bytes of script and style, compressed
PAIR = re.compile(r"^  (\w+): \"((?:[^\"\\]|\\.)*)\",$", re.MULTILINE)
SAID = re.compile(r"\bsay\(\"(\w+)\"|data-say=\"(\w+)\"|line\.pass\(\"(\w+)\"")


def book(language: str) -> dict[str, str]:
    text = (SCRIPTS / "words" / f"{language}.js").read_text(encoding="utf-8")
    pairs = PAIR.findall(text)
    assert len(pairs) == len(dict(pairs)), "a word stands twice"
    assert len(pairs) == len(re.findall(r"^  \w+:", text, re.MULTILINE)), "a line that is no plain word"
    return dict(pairs)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_is_there_in_every_language(language):
    english, other = book("en"), book(language)
    assert sorted(set(english) ^ set(other)) == []
    assert [key for key, words in other.items() if not words.strip() or "!" in words.replace("¡", "!")] == []
    assert {key: values(words) for key, words in other.items()} == {
        key: values(words) for key, words in english.items()
    }


def test_arabic_knows_no_other_words():
    english, arabic = book("en"), book("ar")
    assert set(arabic) <= set(english)
    assert {key: values(words) for key, words in arabic.items()} == {key: values(english[key]) for key in arabic}


def values(words: str) -> list[str]:
    return sorted(set(re.findall(r"\{(\w+)\}", words)))


def test_every_word_that_is_said_is_known():
    said = {key for text in sources() for found in SAID.findall(text) for key in found if key}
    assert {"recover_title", "you", "back_online"} <= said
    assert sorted(said - set(book("en"))) == []


def test_no_word_is_left_over():
    """A key is named somewhere as a whole, or made of a stem: `gone` → `gone_at`, `locked` → `locked_title`,
    `device_${state}` → `device_active`."""
    text = "\n".join(sources())
    made = [re.compile(f"{stem}\\w+") for stem in re.findall(r"`(\w+_)\$\{", text)]
    stems = "|".join(("_at", "_on", "_title", "_text"))
    named = {key for key in book("en") if re.search(rf"\b{re.sub(f'({stems})$', '', key)}(?:{stems})?\b", text)}
    left = set(book("en")) - named
    assert sorted(key for key in left if not any(one.fullmatch(key) for one in made)) == []


def sources() -> list[str]:
    scripts = [path for path in SCRIPTS.glob("**/*.js") if path.parent.name != "words"]
    pages = [*(settings.BASE_DIR / "templates" / "inbox").glob("*.html"), settings.BASE_DIR / "templates" / "base.html"]
    return [path.read_text(encoding="utf-8") for path in [*scripts, *pages]]


def test_script_and_style_stay_within_the_budget(inbox_page):
    """All that the page can ever load: what it names, what it imports later, and the longest of the books."""
    named = set(re.findall(r"/static/[0-9a-f]{12}/([\w/.-]+\.(?:css|js))", inbox_page))
    later = {one for path in SCRIPTS.glob("*/*.js") if path.parent.name != "words" for one in statics.modules(
        path.relative_to(statics.HOUSE).as_posix())}  # fmt: skip
    books = max((squeezed(f"js/inbox/words/{language}.js") for language in LANGUAGES), default=0)
    files = {name for name in named | later if "/words/" not in name}
    assert {"css/inbox.css", "css/components.css", "js/inbox/main.js"} <= files
    total = sum(map(squeezed, files)) + books
    print(f"{total:,} bytes compressed in {len(files) + 1} files; the budget is {BUDGET:,}")
    assert total <= BUDGET


def squeezed(name: str) -> int:
    return len(gzip.compress((statics.HOUSE / name).read_bytes(), 9))


@pytest.fixture
def inbox_page(cast) -> str:
    return get("/inbox/").content.decode()


def get(path: str, **headers: str):
    return Client(HTTP_HOST="acme.localhost", headers=headers).get(path)


def test_the_page_fetches_all_its_modules_at_once(inbox_page):
    ahead = re.findall(r'rel="modulepreload" href="/static/[0-9a-f]{12}/([\w/.-]+)"', inbox_page)
    assert {*statics.modules("js/inbox/inbox.js")} - {"js/inbox/inbox.js"} <= set(ahead)


@pytest.mark.parametrize(
    ("asked", "cookie", "wished"),
    [("de-AT,de;q=0.9,en;q=0.5", "", "de"), ("pt-BR,nl;q=0.8", "", "nl"), ("pt", "", "en"), ("", "", "en"),
     ("de", "fr", "fr"), ("de", "xx", "de"), ("x" * 400, "\"><script>", "en")],
)  # fmt: skip
def test_the_page_speaks_what_the_browser_asks_for(cast, asked, cookie, wished):
    client = Client(HTTP_HOST="acme.localhost", headers={"Accept-Language": asked})
    client.cookies["__Host-ebb-language"] = cookie
    page = client.get("/inbox/").content.decode()
    assert f'<meta name="ebb-language" content="{wished}">' in page
    assert f"/js/inbox/words/{wished}.js" in page


def test_it_can_be_installed(cast):
    answer = get("/inbox/manifest.webmanifest")
    assert answer["Content-Type"] == "application/manifest+json"
    told = json.loads(answer.content)
    assert told["start_url"].startswith(told["scope"])
    assert told["display"] == "standalone"
    assert {(icon["sizes"], icon["purpose"]) for icon in told["icons"]} >= {
        ("192x192", "any"), ("512x512", "any"), ("192x192", "maskable"), ("512x512", "maskable"),
    }  # fmt: skip
    for icon in told["icons"]:
        assert (statics.HOUSE / re.sub(r"^/static/\w+/", "", icon["src"])).is_file()


def test_the_worker_looks_after_the_inbox_only(cast):
    answer = get("/inbox/sw.js")
    assert answer["Service-Worker-Allowed"] == "/inbox/"
    assert answer["Cache-Control"] == "no-store"
