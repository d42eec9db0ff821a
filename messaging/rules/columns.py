"""What the columns of a file mean, and what a row of it says of a customer. Pure.

A *target* is a code: `reference name email phone language time_zone tags consent_at`, `field` (one of the business's own, named
as its column) or `consent:<purpose>:<channel>`; "" leaves a column out. An empty cell says nothing.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time

import phonenumbers

from messaging.rules import compose, consent, contact, tags
from portal.kernel.errors import Refusal

PROFILE = ("reference", "name", "email", "phone", "language", "time_zone")
KEYS = ("reference", "email", "phone")  # what a row may be known by, the surest first
CONSENTS = tuple(f"consent:{purpose}:{channel}" for purpose in ("marketing", "service") for channel in consent.CHANNELS)
TARGETS = ("", *PROFILE, "tags", "field", "consent_at", *CONSENTS)
MANY = ("", "tags", "field")  # several columns may mean these
COUNTRIES = tuple(sorted(phonenumbers.SUPPORTED_REGIONS))
YES = frozenset(
    {"yes", "y", "true", "t", "1", "x", "on", "ja", "j", "wahr", "oui", "o", "vrai", "si", "sí", "s", "opt-in"}
)
NO = frozenset({"no", "n", "false", "f", "0", "off", "nein", "falsch", "non", "faux", "nee", "opt-out"})
_GUESSES = {
    "reference": "reference ref id customerid customerno customernumber clientid number kundennummer kundennr referenz "
    "referencia numero référence numéroclient klantnummer referentie externalid patientid accountid",
    "name": "name fullname customer customername kunde nombre nom naam",
    "email": "email emailaddress mail correo courriel emailadresse",
    "phone": "phone phonenumber mobile mobilephone cell cellphone telephone tel sms telefon telefonnummer handy mobil teléfono "
    "movil móvil téléphone portable telefoon mobiel",
    "language": "language lang locale sprache idioma langue taal",
    "time_zone": "timezone tz zeitzone zonahoraria fuseauhoraire tijdzone",
    "tags": "tags tag labels groups segments schlagwörter etiquetas étiquettes",
    "consent_at": "consentat consentdate consentgivenat optindate",
    "consent:marketing:email": "marketing newsletter emailconsent consentemail marketingemail emailmarketing emailoptin",
    "consent:marketing:sms": "smsconsent consentsms marketingsms smsmarketing smsoptin",
}  # fmt: skip
_BY_NAME = {name: target for target, names in _GUESSES.items() for name in names.split()}


@dataclass(frozen=True)
class Meaning:
    """What a file's columns mean. `match` is one of KEYS; `country` reads phone numbers without a plus; `tags` are for everyone
    in the file."""

    header: list[str]
    columns: list[str]
    match: str = "reference"
    country: str = ""
    source: str = ""
    wording: str = ""
    tags: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Row:
    """One row as it was understood. `given` maps a name of PROFILE to its value; `wrong` are (column, code)."""

    number: int
    key: str = ""
    given: dict[str, str] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    fields: dict[str, object] = field(default_factory=dict)
    consents: list[tuple[str, str, bool]] = field(default_factory=list)
    consent_at: datetime | None = None
    wrong: list[tuple[int, str]] = field(default_factory=list)


def guessed(header: Sequence[str]) -> list[str]:
    """A target for each column by its name; a name that says nothing is one of the business's own fields."""
    used: set[str] = set()
    found = []
    for name in header:
        target = _BY_NAME.get(re.sub(r"[\W_]", "", name.casefold()), "field" if name else "")
        if target in used:
            target = "field"
        used.add(target)
        found.append(target)
    return found


def key_of(columns: Sequence[str]) -> str:
    """What rows are known by, unless somebody says otherwise."""
    return next((key for key in KEYS if key in columns), KEYS[0])


def check(meaning: Meaning) -> Meaning:
    """Refuse what cannot be read; the tags as they are kept."""
    columns = meaning.columns
    if len(columns) != len(meaning.header) or not set(columns) <= set(TARGETS):
        raise Refusal("bad_columns", "Say for each column what it means.", field="columns")
    if meaning.match not in KEYS or meaning.match not in columns:
        raise Refusal(
            "missing_column", "No column is what the customers are to be known by. Choose one, or know them by another.",
            field="match",
        )  # fmt: skip
    named = [target for target in columns if target not in MANY]
    fields = [name for name, target in zip(meaning.header, columns, strict=True) if target == "field"]
    if len(named) != len(set(named)) or len(fields) != len(set(fields)):
        raise Refusal("column_twice", "Two columns mean the same. Leave one of them out.", field="columns")
    tags.fields(dict.fromkeys(fields, ""))
    if meaning.country and meaning.country not in COUNTRIES:
        raise Refusal("bad_country", "A country is a code of two letters, such as DE.", field="country")
    if any(target.startswith("consent:") for target in columns) and not meaning.source.strip():
        raise Refusal("bad_consent", "Say where the consents were given.", field="source")
    contact.line("source", meaning.source)
    if len(meaning.wording) > tags.VALUE_LENGTH or compose.FORBIDDEN.search(meaning.wording):
        raise Refusal("bad_text", "That text is too long or has characters that cannot be shown.", field="wording")
    return Meaning(**{**vars(meaning), "tags": tags.tags(meaning.tags)})


class Reader:
    """Understands rows of one file."""

    def __init__(self, meaning: Meaning) -> None:
        self.meaning = meaning
        self._width = len(meaning.header)
        self._columns = [(n, target) for n, target in enumerate(meaning.columns) if target]
        self._tags: dict[str, list[str]] = {}  # cells of tags come again and again

    def read(self, number: int, cells: Sequence[str]) -> Row:
        row = Row(number, tags=list(self.meaning.tags))
        if any(cell.strip() for cell in cells[self._width :]):
            row.wrong.append((self._width, "too_many_cells"))
        for column, target in self._columns:
            text = _plain(cells[column]) if column < len(cells) else ""
            if text:
                try:
                    self._take(row, column, target, text)
                except Refusal as refusal:
                    row.wrong.append((column, refusal.code))
        row.key = row.given.get(self.meaning.match, "")
        if not row.key and not row.wrong:
            row.wrong.append((self.meaning.columns.index(self.meaning.match), "no_key"))
        return row

    def _take(self, row: Row, column: int, target: str, text: str) -> None:
        if target in _CHECKS:
            row.given[target] = _CHECKS[target](text, self.meaning.country)
        elif target == "field":
            row.fields |= tags.fields({self.meaning.header[column]: text})
        elif target == "tags":
            if text not in self._tags:
                self._tags[text] = tags.tags(part for part in re.split(r"[,;|]", text) if part.strip())
            row.tags = tags.tags([*row.tags, *self._tags[text]]) if row.tags else self._tags[text]
        elif target == "consent_at":
            row.consent_at = _instant(text)
        else:
            _, purpose, channel = target.split(":")
            row.consents.append((purpose, channel, _yes_or_no(text)))


def _plain(cell: str) -> str:
    """Without the apostrophe that keeps a spreadsheet from taking it for a formula: our own export puts it there."""
    text = cell.strip()
    return text[1:] if text[:1] == "'" and text[1:2] in ("=", "+", "-", "@", "\t") and text[1:2] else text


def _language(text: str, country: str) -> str:
    first, *rest = text.replace("_", "-").split("-")
    return contact.language("-".join([first.lower(), *(part.upper() if len(part) == 2 else part for part in rest)]))


def _yes_or_no(text: str) -> bool:
    said = text.casefold()
    if said not in YES and said not in NO:
        raise Refusal("bad_consent", "A consent is yes or no.", field="consent")
    return said in YES


def _instant(text: str) -> datetime:
    """A date, or a time with or without a zone; without one, of UTC."""
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refusal("bad_date", "A date is written as year-month-day.", field="date") from None


_CHECKS: dict[str, Callable[[str, str], str]] = {
    "reference": lambda text, _: contact.line("reference", text),
    "name": lambda text, _: contact.line("name", text),
    "email": lambda text, _: contact.email(text),
    "phone": contact.phone,
    "language": _language,
    "time_zone": lambda text, _: contact.time_zone(text),
}
