"""Text with variables. Pure, and linear in the text: one pass, no code, no attribute access, nothing inside a variable.

    {{name}}              the customer's name, or a refusal for this recipient
    {{name|customer}}     with a fallback (it may be empty: {{name|}})
    {{due:date}}          a date in the recipient's language; {{sum:number}} a number; text is what is not said
    {{due:date|soon}}     both

A name is a key that is looked up in what is known of the customer and of the call, and never more than that. Parsing happens
once, rendering for each recipient: the literals are cut beforehand and joined.
"""

import difflib
import re
from collections.abc import Collection, Mapping
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import NumberPattern

from portal.kernel.errors import Kind, Refusal

TEXT_LIMIT = 16 * 1024  # characters
MOST_VARIABLES = 100  # places, not names
NAME_LIMIT = 60
FALLBACK_LIMIT = 200
TYPES = ("text", "date", "number")
OF_CUSTOMER = ("name", "reference")  # known of everybody; a customer's own fields come on top

_OPEN, _CLOSE = "{{", "}}"
_NAME = re.compile(rf"[^\W\d][\w \-]{{0,{NAME_LIMIT - 1}}}")
_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,9})?", re.ASCII)
_LARGEST = 10**18
_LONGEST = NAME_LIMIT + FALLBACK_LIMIT + 40  # of a variable, with its braces, its type and some room to breathe
# What Markdown could take for more than a letter, in a value that is nobody's markup.
_MARKS = re.compile(r"[\\`*_\[\]()<>&~#|!]")


@dataclass(frozen=True, slots=True)
class Variable:
    """One place in a text. `fallback` None: none was given."""

    name: str
    kind: str
    fallback: str | None
    position: int


@dataclass(frozen=True, slots=True)
class Template:
    """`literals` is one longer than `places`: a text, a place, a text, …"""

    literals: tuple[str, ...]
    places: tuple[Variable, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """The names it asks for, each once, in the order of the text."""
        return tuple(dict.fromkeys(place.name for place in self.places))


def parse(text: str, field: str = "body") -> Template:
    """Refuses, with its position in characters, what no variable can be: nested, unclosed, nameless, of no known type."""
    if len(text) > TEXT_LIMIT:
        raise Refusal(
            "template_too_long", "The text is longer than 16,384 characters. Shorten it.", Kind.TOO_LARGE,
            field=field, limit=TEXT_LIMIT,
        )  # fmt: skip
    try:
        return _parse(text)
    except Refusal as refusal:
        refusal.fields["field"] = field
        raise


def check_known(parsed: Template, known: Collection[str], field: str = "body") -> None:
    """Refuse the first variable that nobody would fill."""
    for place in parsed.places:
        if place.name not in known:
            near = difflib.get_close_matches(place.name, list(known)[:200], 1)
            raise Refusal(
                "unknown_variable", "No customer and no call has this variable. Check its name, or list it as a variable of "
                "the template.", field=field, position=place.position, variable=place.name, meant=near[0] if near else "",
            )  # fmt: skip


def is_name(text: str) -> bool:
    """Whether a variable can be called that."""
    return bool(_NAME.fullmatch(text)) and text == text.strip()


def render(parsed: Template, values: Mapping[str, object], language: str, form: str = "text") -> str:
    """The text for one recipient. `form` is text, markdown or line (of one). Values in Markdown are escaped: nobody's name
    makes a link. Refuses `missing_value` and `wrong_value`, which say the variable and nothing of what was found."""
    parts = [parsed.literals[0]]
    for place, literal in zip(parsed.places, parsed.literals[1:], strict=True):
        parts += (_filled(place, values.get(place.name), language, form), literal)
    return "".join(parts)


def _filled(place: Variable, value: object, language: str, form: str) -> str:
    if value is None or (isinstance(value, str) and not value.strip()):
        if place.fallback is None:
            raise Refusal("missing_value", "This recipient has no value for a variable.", variable=place.name)
        return place.fallback
    written = _write(place, value, language)
    if form == "text":
        return written
    written = written.replace("\n", " ")
    return _MARKS.sub(r"\\\g<0>", written) if form == "markdown" else written


def _write(place: Variable, value: object, language: str) -> str:
    if place.kind == "text" and isinstance(value, str):
        return value
    try:
        if place.kind == "date":
            return str(format_date(_date(value), "long", locale=_locale(language)))
        return _number(value, language) if place.kind == "number" else _plain(value)
    except (ValueError, TypeError, OverflowError):
        raise Refusal(
            "wrong_value", "A value of this recipient is not of the type that the variable says.", variable=place.name
        ) from None


def _date(value: object) -> date:
    """A date, or the day of a time, or either as ISO 8601."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if not isinstance(value, str):
        raise TypeError
    return (
        date.fromisoformat(value.strip()) if len(value.strip()) <= 10 else datetime.fromisoformat(value.strip()).date()
    )


def _number(value: object, language: str) -> str:
    """With the decimals that were given: 12.50 stays 12.50, in the signs of the language."""
    number = _decimal(value)
    return str(_pattern(language, max(0, -int(number.as_tuple().exponent))).apply(number, _locale(language)))


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(_decimal(value))


def _decimal(value: object) -> Decimal:
    if isinstance(value, bool):
        raise TypeError
    if isinstance(value, float):
        value = (
            f"{value:.9f}".rstrip("0").rstrip(".") if abs(value) < _LARGEST else ""
        )  # the latter: not a number either
    if not isinstance(value, int | str | Decimal) or not _NUMBER.fullmatch(str(value).strip()):
        raise ValueError
    return Decimal(str(value).strip())


@lru_cache(maxsize=64)
def _pattern(language: str, decimals: int) -> NumberPattern:
    pattern = copy(_locale(language).decimal_formats[None])
    pattern.frac_prec = (decimals, decimals)
    return pattern


@lru_cache(maxsize=64)
def _locale(language: str) -> Locale:
    """Of the language, of its root, else English."""
    for tag in (language, language.partition("-")[0]):
        try:
            return Locale.parse(tag, sep="-")
        except (ValueError, UnknownLocaleError):
            continue
    return Locale.parse("en")


# ── parsing ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _parse(text: str) -> Template:
    literals, places, at = [], [], 0
    while (start := text.find(_OPEN, at)) >= 0:
        if len(places) == MOST_VARIABLES:
            raise Refusal("too_many_variables", f"A text has at most {MOST_VARIABLES} variables.", position=start)
        end = _end(text, start)
        literals.append(text[at:start])
        places.append(_variable(text[start + 2 : end], start))
        at = end + 2
    return Template((*literals, text[at:]), tuple(places))


def _end(text: str, start: int) -> int:
    """Where the variable that opens at `start` closes. Nothing opens inside it, so no text is looked at twice."""
    furthest = start + _LONGEST
    end = text.find(_CLOSE, start + 2, furthest)
    inner = text.find("{", start + 2, end if end >= 0 else furthest)
    if inner >= 0:
        raise Refusal("nested_variable", "A variable cannot hold another one.", position=inner)
    if end < 0:
        raise Refusal("unclosed_variable", "A variable was opened with {{ and not closed with }}.", position=start)
    return end


def _variable(inside: str, position: int) -> Variable:
    head, bar, fallback = inside.partition("|")
    name, colon, kind = (part.strip() for part in head.partition(":"))
    if not _NAME.fullmatch(name) or any(sign in fallback for sign in "}\n") or len(fallback) > FALLBACK_LIMIT:
        raise Refusal(
            "bad_variable",
            "A variable is a name, at will with a type and a fallback, as in {{name|customer}}.",
            position=position,
        )
    if colon and kind not in TYPES:
        raise Refusal("unknown_type", "A variable is of type text, date or number.", position=position)
    return Variable(name, kind or "text", fallback.strip() if bar else None, position)
