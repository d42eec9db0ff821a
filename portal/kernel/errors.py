"""Refusals: what a flow says when it will not do a thing. Doors turn them into a page, problem+json or a close code."""

from enum import Enum


class Kind(Enum):
    """What sort of no it is. Only `portal.web.problems` knows which status or close code each becomes."""

    MALFORMED = "malformed"
    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    GONE = "gone"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"


class Refusal(Exception):
    """A clear no with a stable code. `message` is plain words; neither it nor `fields` may hold content or personal data.

    >>> Refusal("unknown_customer", "There is no such customer.", Kind.NOT_FOUND).code
    'unknown_customer'
    """

    def __init__(self, code: str, message: str, kind: Kind = Kind.INVALID, **fields: object) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.kind = kind
        self.fields = fields


def not_found(what: str) -> Refusal:
    """Absent and forbidden look the same."""
    return Refusal("not_found", f"There is no such {what}.", Kind.NOT_FOUND)
