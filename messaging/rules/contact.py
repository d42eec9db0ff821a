"""Addresses of customers: how they are written down so that they are found again. Pure."""

import re
from zoneinfo import available_timezones

import phonenumbers

from messaging.rules import compose
from portal.kernel.errors import Refusal

LANGUAGE = re.compile(r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
ZONES = frozenset(available_timezones())  # asked anew, it would read the disk each time
LINE_LENGTH = 200
WHOLE = phonenumbers.ValidationResult.IS_POSSIBLE  # what one can dial from anywhere; a local short form is not

EMAIL = re.compile(
    r"^[^@\s,;<>\"\x00-\x1f\x7f\ud800-\udfff]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)*$"
)


def email(raw: str) -> str:
    """Lower case, or a refusal."""
    plain = raw.strip()
    if len(plain) > 254 or not EMAIL.fullmatch(plain):
        raise Refusal("bad_email", "That is not an e-mail address.", field="email")
    return plain.lower()


def phone(raw: str, country: str = "") -> str:
    """E.164 (ITU-T E.164): a plus and up to 15 digits, of a length its country uses. `country` (ISO 3166) reads what has
    no plus as people there dial it."""
    try:
        number = phonenumbers.parse(raw, country or None)
    except phonenumbers.NumberParseException as error:
        raise bad_phone() from error
    if not (country or raw.strip().startswith("+")) or phonenumbers.is_possible_number_with_reason(number) != WHOLE:
        raise bad_phone()
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def bad_phone() -> Refusal:
    return Refusal("bad_phone", "That is not a phone number. Write it as +, country code, number.", field="phone")


def language(raw: str) -> str:
    """A tag as BCP 47 writes it."""
    if not LANGUAGE.fullmatch(raw) or len(raw) > 12:
        raise Refusal("bad_language", "A language is a tag such as en or de-AT.", field="language")
    return raw


def time_zone(raw: str) -> str:
    """A name of the IANA database, or "" for the business's own."""
    if raw and raw not in ZONES:
        raise Refusal("bad_time_zone", "A time zone is a name such as Europe/Berlin.", field="time_zone")
    return raw


def line(name: str, raw: str) -> str:
    """A name or a reference: one short line of text."""
    if len(raw) > LINE_LENGTH or compose.FORBIDDEN.search(raw):
        raise Refusal("bad_text", "That text is too long or has characters that cannot be shown.", field=name)
    return raw


def address(raw: str) -> tuple[str, str]:
    """`to` of a message: ("email", …) or ("phone", …)."""
    if "@" in raw:
        return "email", email(raw)
    if raw.strip().startswith("+"):
        return "phone", phone(raw)
    raise Refusal("bad_recipient", "Write an e-mail address or a phone number with + and country code.", field="to")


def masked(address: str) -> str:
    """Enough to know one's own address by: for a page that another may be holding.

    >>> masked("paula@example.org"), masked("+491701234567"), masked("")
    ('p…@example.org', '+49…567', '')
    """
    name, at, host = address.partition("@")
    if at:
        return f"{name[:1]}…@{host}"
    return f"{address[:3]}…{address[-3:]}" if address else ""
