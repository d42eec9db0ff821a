"""What a business may be called."""

import re

from portal.kernel.errors import Refusal

SLUG = re.compile(r"^[a-z][a-z0-9-]{1,38}[a-z0-9]$")
RESERVED = frozenset({"www", "api", "admin", "mail", "static", "public", "ebb", "status", "docs", "localhost"})


def check(slug: str, name: str) -> None:
    if slug in RESERVED:
        raise Refusal("bad_slug", "That address is not given to a business. Choose another.", field="slug")
    if not SLUG.fullmatch(slug):
        raise Refusal(
            "bad_slug", "An address has 3 to 40 lower-case letters, digits or dashes and begins with a letter.",
            field="slug",
        )  # fmt: skip
    check_name(name)


def check_name(name: str) -> None:
    if not 1 <= len(name.strip()) <= 100 or not name.strip().isprintable():
        raise Refusal("bad_name", "A name has 1 to 100 characters, all on one line.", field="name")
