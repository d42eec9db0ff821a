"""One text in several languages: what a version of a template says, checked, and rendered for one recipient. Pure."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from messaging.rules import compose, template
from portal.kernel.errors import Kind, Refusal

LANGUAGE = re.compile(r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
MOST_LANGUAGES = 20
MOST_BYTES = 128 * 1024  # of all languages together
MOST_DECLARED = 50
DEFAULT = "en"


@dataclass(frozen=True, slots=True)
class Text:
    """Subject and body in one language, variables and all; `answers` are offered as buttons, and literal."""

    subject: str
    body: str
    answers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wording:
    """`texts` by language tag; `default` is for everyone whose language is not among them. `variables` are the names that the
    business's own fields or a call may fill, beside those of every customer."""

    texts: Mapping[str, Text]
    default: str = DEFAULT
    format: str = "text"
    variables: tuple[str, ...] = ()

    def language_for(self, language: str) -> str:
        """The tag itself, else its root, else another of its root, else the default.

        >>> Wording({"en": Text("", "a"), "de-AT": Text("", "b")}).language_for("de")
        'de-AT'
        """
        wanted, root = language.casefold(), language.partition("-")[0].casefold()
        by_tag = {tag.casefold(): tag for tag in self.texts}
        near = [tag for tag in self.texts if tag.partition("-")[0].casefold() == root]
        return by_tag.get(wanted) or by_tag.get(root) or (near[0] if near else self.default)


@dataclass(frozen=True, slots=True)
class Rendered:
    """What one recipient gets."""

    subject: str
    body: str
    language: str
    answers: tuple[str, ...] = ()


@dataclass(slots=True)
class Compiled:
    """A wording whose texts are parsed once, each when it is first asked for."""

    wording: Wording
    _parsed: dict[str, tuple[template.Template, template.Template]] = field(default_factory=dict)

    def render(self, values: Mapping[str, object], language: str) -> Rendered:
        """Dates and numbers are those of the recipient's language if the text is in it, else of the text's. Refuses
        `missing_value`, `wrong_value`, and what the rendered text may not be."""
        tag = self.wording.language_for(language)
        text, parsed = self.wording.texts[tag], self._parsed.get(tag)
        if parsed is None:
            parsed = self._parsed[tag] = (template.parse(text.subject, "subject"), template.parse(text.body))
        same = language.partition("-")[0].casefold() == tag.partition("-")[0].casefold()
        spoken = language if same else tag
        subject = template.render(parsed[0], values, spoken, "line")
        body = template.render(parsed[1], values, spoken, self.wording.format)
        compose.check_subject(subject)
        compose.check_text(body, "body")
        return Rendered(subject, body, tag, text.answers)


def check(wording: Wording, known: Collection[str]) -> None:
    """Refuse what nobody could send: no text, a variable that nobody fills, more than there is room for."""
    if not 1 <= len(wording.texts) <= MOST_LANGUAGES:
        raise Refusal("bad_languages", f"A template has 1 to {MOST_LANGUAGES} languages.", field="texts")
    if wording.default not in wording.texts:
        raise Refusal("no_default_language", "The template has no text in its default language.", field="language")
    if wording.format not in compose.FORMATS:
        raise Refusal("unknown_format", "The format is text or markdown.", field="format")
    _check_declared(wording.variables)
    filled = {*template.OF_CUSTOMER, *wording.variables, *known}
    for tag, text in wording.texts.items():
        _check_language(tag)
        _check_text(tag, text, filled)
    size = sum(len(part.encode()) for one in wording.texts.values() for part in (one.subject, one.body, *one.answers))
    if size > MOST_BYTES:
        raise Refusal("template_too_large", "The template is longer than 128 KiB.", Kind.TOO_LARGE, limit=MOST_BYTES)


def asked(wording: Wording) -> dict[str, str]:
    """The variables that its texts hold, in order, each with its type."""
    found: dict[str, str] = {}
    for text in wording.texts.values():
        for part in (text.subject, text.body):
            for place in template.parse(part).places:
                found.setdefault(place.name, place.kind)
    return found


def to_json(wording: Wording) -> dict[str, Any]:
    texts = {
        tag: {"subject": text.subject, "body": text.body, "answers": list(text.answers)}
        for tag, text in wording.texts.items()
    }
    return {
        "default": wording.default, "format": wording.format, "variables": list(wording.variables), "texts": texts,
    }  # fmt: skip


def from_json(stored: Mapping[str, Any]) -> Wording:
    texts = {
        tag: Text(one["subject"], one["body"], tuple(one.get("answers", ()))) for tag, one in stored["texts"].items()
    }
    return Wording(texts, stored["default"], stored["format"], tuple(stored["variables"]))


def _check_language(tag: str) -> None:
    if not LANGUAGE.fullmatch(tag) or len(tag) > 12:
        raise Refusal("bad_language", "A language is a tag such as en or de-AT.", field="texts")


def _check_text(tag: str, text: Text, filled: Collection[str]) -> None:
    """A refusal names the language, too: a page with several texts has to say which."""
    try:
        compose.check_text(text.body, "body")
        if text.subject:
            compose.check_subject(text.subject)
        for part, name in ((text.subject, "subject"), (text.body, "body")):
            template.check_known(template.parse(part, name), filled, name)
        _check_answers(text.answers)
    except Refusal as refusal:
        refusal.fields["language"] = tag
        raise


def _check_answers(answers: tuple[str, ...]) -> None:
    """A variable in one would be said as it stands, braces and all, by whoever taps it."""
    compose.check_answers(answers)
    if any(template.parse(one, "answers").places for one in answers):
        raise Refusal("bad_answer", "An answer has no variables: write it as every customer says it.", field="answers")


def _check_declared(names: tuple[str, ...]) -> None:
    if len(names) > MOST_DECLARED or not all(template.is_name(name) for name in names):
        raise Refusal(
            "bad_variables", "Variables are up to 50 names of letters, digits, spaces and dashes.", field="variables"
        )
