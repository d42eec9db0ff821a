"""A customer's profile: sealed under the business key, found by keyed hashes."""

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from messaging.rules import tags
from portal.kernel import keys
from portal.sealing import blind
from portal.sealing import field as sealing

CONTEXT = "customer.profile"


@dataclass(frozen=True)
class Profile:
    """What the business knows of a person. Addresses are normalised: e-mail in lower case, phone in E.164."""

    reference: str = ""
    name: str = ""
    email: str = ""
    phone: str = ""
    tags: list[str] = field(default_factory=list)
    fields: dict[str, object] = field(default_factory=dict)


class Book:
    """Profiles of many customers: the business's key is read once, and marks that come again are remembered. It holds the key and
    plain words: make one for a slice of work and drop it with the slice."""

    def __init__(self) -> None:
        self._key = keys.business_key()
        self._marks: dict[str, int] = {}
        self._opener = sealing.Opener(self._key, CONTEXT)

    def open_(self, customer_id: UUID, sealed: bytes) -> Profile:
        return Profile(**self.read(customer_id.bytes, bytes(sealed)))

    def read(self, customer: bytes, sealed: bytes) -> dict[str, Any]:
        """The parts of a `Profile`, by name; the customer by the 16 bytes of their id. For a chunk of thousands."""
        return json.loads(self._opener.open_(customer, sealed))  # type: ignore[no-any-return]

    def seal(self, customer_id: UUID, profile: Profile) -> bytes:
        return sealing.seal(self._key, CONTEXT, customer_id, json.dumps(vars(profile), ensure_ascii=False).encode())

    def find_by(self, label: str, value: str) -> bytes:
        return blind.index(self._key, f"customer.{label}", value)

    def marks(self, profile: Profile) -> list[int]:
        return sorted({self.mark(word) for word in tags.words(profile.tags, profile.fields)})

    def mark(self, word: str) -> int:
        known = self._marks.get(word)
        if known is None:
            known = self._marks[word] = int.from_bytes(self.find_by("mark", word)[:8], "big", signed=True)
        return known


def open_(customer_id: UUID, sealed: bytes) -> Profile:
    return Book().open_(customer_id, sealed)


def seal(customer_id: UUID, profile: Profile) -> bytes:
    return Book().seal(customer_id, profile)


def find_by(label: str, value: str) -> bytes:
    """The keyed hash under which a reference, phone or email is looked up."""
    return Book().find_by(label, value)


def marks(profile: Profile) -> list[int]:
    """The keyed hashes of tags and fields, by which audiences find customers whose profiles stay sealed."""
    return Book().marks(profile)


def mark(word: str) -> int:
    """A signed 64-bit integer, as `bigint[]` under a GIN index takes it; of `rules.tags.words`."""
    return Book().mark(word)
