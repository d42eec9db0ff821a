"""What notices say: complete in the inbox's languages, one part of a text message, nothing but who, a link and until when."""

import string
import unicodedata
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from messaging.notices import Outgoing, words
from messaging.rules import closedwords
from portal.kernel import tongues

# GSM 03.38, the basic set: a text of these has 160 characters in one part, any other 70.
GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
PURPOSES = {
    "arrived",
    "arrived_link",
    "reminder",
    "reminder_link",
    "invite",
    "recover",
    "code",
    "device",
    "lost",
    "ended",
}
LINK = "https://acme.example.com/inbox/enrol/" + "x" * 43


def outgoing(saying="arrived", language="en", sender="Acme Clinic"):
    return Outgoing(
        uuid4(),
        "x@example.org",
        saying,
        language,
        sender,
        LINK,
        datetime.now(UTC),
        60,
        "2026-06-01 12:00 (Europe/Berlin)",
        "271828",
    )


def names(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_the_languages_are_those_of_the_inbox():
    assert set(words.LANGUAGES) == set(words.NOBODY) == set(tongues.NAMES)
    assert set(closedwords.WORDS) == set(closedwords.EMERGENCY) == set(tongues.NAMES)


@pytest.mark.parametrize("language", sorted(words.LANGUAGES.keys() - {"en"}))
def test_no_language_borrows_from_english(language):
    english, other = words.LANGUAGES["en"], words.LANGUAGES[language]
    assert [key for key in english if set(english[key]) & set(other[key])] == []
    assert words.NOBODY[language] != words.NOBODY["en"]
    assert closedwords.answer("", language, "112") != closedwords.answer("", "en", "112")


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_each_language_says_all_of_it(language):
    sayings = words.LANGUAGES[language]
    assert set(sayings) == PURPOSES
    for saying, (subject, mail, text) in sayings.items():
        if saying == "code":
            assert (names(subject), names(mail), names(text)) == ({"sender"}, {"sender", "code"}, {"sender", "code"})
            continue
        has_link = saying.endswith("_link") or saying in {"invite", "recover", "lost"}
        assert names(subject) == {"sender"}
        assert names(mail) == {"sender", "url", "until"} if has_link else names(mail) == {"sender", "url"}
        assert names(text) == {"sender", "url"}


@pytest.mark.parametrize("language", sorted(words.LANGUAGES.keys() - {"ar"}))
@pytest.mark.parametrize("saying", sorted(PURPOSES))
def test_a_text_fits_into_one_part(language, saying):
    said = words.say(outgoing(saying, language))
    assert set(said.text) <= GSM, set(said.text) - GSM
    assert len(said.text) <= 160


@pytest.mark.parametrize(
    ("tag", "subject"),
    [("de-AT", "hat eine"), ("DE", "hat eine"), ("ar-EG", "لديك رسالة"), ("pt", "has a"), ("", "has a")],
)
def test_the_language_of_a_tag(tag, subject):
    assert subject in words.say(outgoing(language=tag)).subject


@pytest.mark.parametrize("saying", sorted(PURPOSES))
def test_an_arabic_text_fits_into_two_parts_and_reads_from_the_right(saying):
    said = words.say(outgoing(saying, "ar"))
    assert len(said.text.encode("utf-16-be")) <= 2 * 134
    for text in (said.subject, said.mail, said.text):
        assert unicodedata.bidirectional(text[0]) == "AL"  # the first letter gives a paragraph its direction


def test_what_is_copied_from_an_arabic_mail_has_nothing_around_it():
    mail = words.say(outgoing("arrived_link", "ar")).mail
    assert LINK in mail.splitlines()
    assert "\u2068Acme Clinic\u2069" in mail
    assert " 271828،" in words.say(outgoing("code", "ar")).mail


def test_a_name_with_braces_is_a_name():
    assert words.say(outgoing(sender="{url} & {until}")).subject.startswith("{url} & {until} has")
