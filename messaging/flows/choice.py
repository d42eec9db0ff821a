"""What a customer chooses about notices: by which way first, by which never, whether the business is named in them, in which
language. From a device that serves them; the entry holds codes only. A way that they switch off is an opt-out like any other
(`flows.consent`), so a provider, a STOP and this page agree about what they want."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from messaging.flows import consent
from messaging.models import Customer
from messaging.rules import consent as rules
from messaging.rules import telling
from portal.kernel import tongues, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Refusal, not_found

SOURCE = "inbox"


@dataclass(frozen=True)
class Wanted:
    """`ways` in their order, empty: the business's. `off`: never by these. `language` "": as it is."""

    ways: tuple[str, ...]
    off: tuple[str, ...]
    is_discreet: bool
    language: str = ""


def bad_language() -> Refusal:
    return Refusal("unknown_language", "The inbox does not speak that language.", field="language")


def change(*, actor: Actor, now: datetime, customer_id: UUID, wanted: Wanted) -> None:
    """Refuses `bad_ways` and `unknown_language`; a customer whom this device does not serve is absent."""
    ways, off = telling.check_ways(wanted.ways), set(telling.parse_ways(telling.check_ways(wanted.off)))
    if wanted.language and wanted.language not in tongues.NAMES:
        raise bad_language()
    if actor.kind != "device" or customer_id not in actor.customers:
        raise not_found("customer")
    with unit.work() as u:
        row = Customer.objects.select_for_update().filter(id=customer_id, state=Customer.State.ACTIVE).first()
        if row is None:
            raise not_found("customer")
        row.ways, row.is_discreet, row.language = ways, wanted.is_discreet, _language(row, wanted.language)
        row.updated_at = now
        row.save(update_fields=["ways", "is_discreet", "language", "updated_at"])
        codes: dict[str, str | int | bool] = {
            "ways": ways or "default", "off": ",".join(sorted(off)) or "none", "is_discreet": row.is_discreet,
        }  # fmt: skip
        u.entry(unit.Draft("customer.notices", actor.label, subject=row.subject_id, customer=row.id, codes=codes))
        turned = [way for way in telling.WAYS if (way in off) != (way in row.refused)]
        said = [consent.Given(rules.ALL, way, SOURCE, given=way not in off) for way in turned]
        consent.add(u, actor=actor, now=now, row=row, given=said)


def _language(row: Customer, wanted: str) -> str:
    """`de-AT` is German already."""
    return row.language if not wanted or row.language.split("-")[0].lower() == wanted else wanted
