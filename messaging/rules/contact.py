"""Addresses of customers: how they are written down so that they are found again. Pure."""

import re

import phonenumbers

from portal.kernel.errors import Refusal

EMAIL = re.compile(
    r"^[^@\s,;<>\"\x00-\x1f\x7f\ud800-\udfff]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)*$"
)


def email(raw: str) -> str:
    """Lower case, or a refusal."""
    plain = raw.strip()
    if len(plain) > 254 or not EMAIL.fullmatch(plain):
        raise Refusal("bad_email", "That is not an e-mail address.", field="email")
    return plain.lower()


def phone(raw: str) -> str:
    """E.164 (ITU-T E.164): a plus and up to 15 digits, of a length its country uses."""
    try:
        number = phonenumbers.parse(raw, None)
    except phonenumbers.NumberParseException as error:
        raise bad_phone() from error
    if not raw.strip().startswith("+") or not phonenumbers.is_possible_number(number):
        raise bad_phone()
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def bad_phone() -> Refusal:
    return Refusal("bad_phone", "That is not a phone number. Write it as +, country code, number.", field="phone")


def address(raw: str) -> tuple[str, str]:
    """`to` of a message: ("email", …) or ("phone", …)."""
    if "@" in raw:
        return "email", email(raw)
    if raw.strip().startswith("+"):
        return "phone", phone(raw)
    raise Refusal("bad_recipient", "Write an e-mail address or a phone number with + and country code.", field="to")
