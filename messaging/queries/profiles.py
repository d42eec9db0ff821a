"""A customer's profile: sealed under the business key, found by keyed hashes."""

import json
from dataclasses import asdict, dataclass, field
from uuid import UUID

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
    fields: dict[str, object] = field(default_factory=dict)


def open_(customer_id: UUID, sealed: bytes) -> Profile:
    return Profile(**json.loads(keys.open_field(CONTEXT, customer_id, bytes(sealed))))


def seal(customer_id: UUID, profile: Profile) -> bytes:
    return keys.seal_field(CONTEXT, customer_id, json.dumps(asdict(profile), ensure_ascii=False).encode())


def find_by(label: str, value: str) -> bytes:
    """The keyed hash under which a reference, phone or email is looked up."""
    return blind.index(keys.business_key(), f"customer.{label}", value)
