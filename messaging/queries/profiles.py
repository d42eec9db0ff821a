"""A customer's profile: sealed under the business key, found by keyed hashes."""

import json
from dataclasses import asdict, dataclass, field
from uuid import UUID

from messaging.rules import tags
from portal.kernel import keys
from portal.sealing import blind

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


def open_(customer_id: UUID, sealed: bytes) -> Profile:
    return Profile(**json.loads(keys.open_field(CONTEXT, customer_id, bytes(sealed))))


def seal(customer_id: UUID, profile: Profile) -> bytes:
    return keys.seal_field(CONTEXT, customer_id, json.dumps(asdict(profile), ensure_ascii=False).encode())


def find_by(label: str, value: str) -> bytes:
    """The keyed hash under which a reference, phone or email is looked up."""
    return blind.index(keys.business_key(), f"customer.{label}", value)


def marks(profile: Profile) -> list[int]:
    """The keyed hashes of tags and fields, by which audiences find customers whose profiles stay sealed."""
    return sorted({mark(word) for word in tags.words(profile.tags, profile.fields)})


def mark(word: str) -> int:
    """A signed 64-bit integer, as `bigint[]` under a GIN index takes it; of `rules.tags.words`."""
    return int.from_bytes(find_by("mark", word)[:8], "big", signed=True)
