"""The shell of the inbox: every word in every language, few bytes, installable, and no content in what is kept of it."""

import html
import json
import re

import pytest
from django.conf import settings
from django.test import Client

from portal.kernel import tongues
from portal.web import spoken, statics

SCRIPTS = statics.HOUSE / "js" / "inbox"
LANGUAGES = sorted(tongues.NAMES)
BUDGET = 60 * 1024  # bytes of script and style, compressed
PAIR = re.compile(r"^  \"?([\w-]+)\"?: \"((?:[^\"\\]|\\.)*)\",$", re.MULTILINE)
SAID = re.compile(r"\bsay\(\"(\w+)\"|data-say=\"(\w+)\"|line\.pass\(\"(\w+)\"")


def book(language: str) -> dict[str, str]:
    text = (SCRIPTS / "words" / f"{language}.js").read_text(encoding="utf-8")
    pairs = PAIR.findall(text)
    assert len(pairs) == len(dict(pairs)), "a word stands twice"
    assert len(pairs) == len(re.findall(r"^  [\"\w-]+:", text, re.MULTILINE)), "a line that is no plain word"
    return dict(pairs)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_is_there_in_every_language(language):
    english, other = book("en"), book(language)
    assert sorted(set(english) ^ set(other)) == []
    assert [key for key, words in other.items() if not words.strip() or "!" in words.replace("¡", "!")] == []
    assert {key: values(words) for key, words in other.items()} == {
        key: values(words) for key, words in english.items()
    }


# What is written alike, and is a word of that language all the same.
ALIKE = {("de", "pin_label"), ("es", "own_refused"), ("es", "pin_label"), ("fr", "menu"), ("nl", "menu")}


@pytest.mark.parametrize("language", sorted({*LANGUAGES} - {"en"}))
def test_no_word_stands_in_english_elsewhere(language):
    english, other = book("en"), book(language)
    alike = {(language, key) for key, words in english.items() if other[key] == words}
    assert sorted(alike - ALIKE) == []


def test_the_books_are_those_that_customers_can_choose():
    """In the flow, in the page that asks, in what the script knows, in the worker, in a ring."""
    assert sorted(path.stem for path in (SCRIPTS / "words").glob("*.js")) == LANGUAGES
    known = (SCRIPTS / "words.js").read_text(encoding="utf-8")
    assert json.loads(re.search(r"BOOKS = new Set\((\[.*?\])\)", known)[1]) == LANGUAGES
    assert set(json.loads(re.search(r"RIGHT_TO_LEFT = new Set\((\[.*?\])\)", known)[1])) == tongues.RIGHT_TO_LEFT
    chosen = re.search(r"const LANGUAGES = \{(.*)\};", (SCRIPTS / "told.js").read_text(encoding="utf-8"))[1]
    assert dict(re.findall(r"(\w+): \"([^\"]+)\"", chosen)) == tongues.NAMES
    for script in (SCRIPTS / "sw.js", SCRIPTS.parent / "ring.js"):
        words = re.search(r"const WORDS = \{\n(.*?)^\};", script.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)[
            1
        ]
        assert sorted(re.findall(r"^  (\w+): [\[{]", words, re.MULTILINE)) == LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_counted_stands_apart(language):
    """No word of a sentence hangs on a number that stands in it: Arabic has six forms, and lengths of time are Intl's."""
    counted = {key: words for key, words in book(language).items() if {"count", "sealed"} & set(values(words))}
    assert {"pin_wrong", "more_ended", "own_live"} <= set(counted)
    beside = re.compile(r"(?:^|[^:\s]\s*)\{(?:count|sealed)\}|\{(?:count|sealed)\} \w")
    assert [words for words in counted.values() if beside.search(words)] == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", ["", "kept", "recover", "lost", "lost/x", "enrol/x"])
def test_a_page_without_its_script_speaks_the_language(cast, path, language):
    page = get(f"/inbox/{path}", **{"Accept-Language": language}).content.decode()
    direction = "rtl" if language == "ar" else "ltr"
    assert re.search(rf'<html lang="{language}" dir="{direction}"', page)
    said = re.findall(r'data-say="([\w-]+)"[^>]*>([^<]*)<', page)
    assert len(said) > 3
    for key, words in said:
        assert fitting(spoken.book(language)[key]).fullmatch(html.unescape(words)), key
    assert spoken.book("en")["script_or_call"] not in page or language == "en"


def fitting(words: str) -> re.Pattern[str]:
    return re.compile("[^{}]+".join(re.escape(part) for part in re.split(r"\{\w+\}", words)) or "[^{}]*")


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_went_wrong_is_said_in_the_language(cast, language):
    page = get("/inbox/nowhere", **{"Accept-Language": language, "Accept": "text/html"})
    assert page.status_code == 404
    said = spoken.PLAIN[language]
    assert html.escape(said["absent_title"], quote=True).replace("&#x27;", "&#x27;") in page.content.decode()
    assert said["go_back"] in page.content.decode()
    nobody = Client(HTTP_HOST="nobody.localhost").get("/", headers={"Accept-Language": language, "Accept": "text/html"})
    assert said["nobody_title"] in html.unescape(nobody.content.decode())


def test_staff_are_told_in_english(cast):
    page = get("/console/nowhere", **{"Accept-Language": "ar", "Accept": "text/html"}).content.decode()
    assert '<html lang="en"' in page
    assert "There is nothing" in page


def test_what_only_the_server_says_is_there_in_every_language():
    english = spoken.PLAIN["en"]
    assert sorted(spoken.PLAIN) == LANGUAGES
    for language, said in spoken.PLAIN.items():
        assert {key: values(words) for key, words in said.items()} == {
            key: values(words) for key, words in english.items()
        }
        assert language == "en" or [key for key in said if said[key] == english[key]] == []


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
    made = [re.compile(rf"{stem}[\w-]+") for stem in re.findall(r"`(\w+_)\$\{", text)]
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
    return len(statics.load(name).squeezed or b"")


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
