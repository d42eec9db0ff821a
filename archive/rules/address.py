"""An e-mail address as it is written down. Pure."""

import re

from portal.kernel.errors import Refusal

EMAIL = re.compile(
    r"[^@\s,;<>\"\x00-\x1f\x7f\ud800-\udfff]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)*"
)


def email(raw: str) -> str:
    """Lower case, or a refusal."""
    plain = raw.strip()
    if len(plain) > 254 or not EMAIL.fullmatch(plain):
        raise Refusal("bad_email", "That is not an e-mail address.", field="address")
    return plain.lower()
