"""How the business looks to its customers: the name they see, one colour."""

from datetime import datetime

from messaging.models import Policy
from messaging.queries import policy
from messaging.rules import colour
from portal.kernel import tenancy, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Refusal
from tenants.flows import naming


def change(*, actor: Actor, now: datetime, name: str, accent: str) -> None:
    """`accent`: one of our names, "" for the house's own, or #rrggbb, whose contrast is corrected where it is drawn."""
    actor.require("settings.manage")
    chosen = accent.strip().lower()
    if colour.pair(chosen) is None:
        raise Refusal("bad_accent", "A colour is one of the names, or # and six hexadecimal digits.", field="accent")
    with unit.work() as u:
        row = Policy.objects.select_for_update().get(id=1)
        codes: dict[str, str | int | bool] = {}
        if row.accent != chosen:
            row.accent = chosen
            row.save(update_fields=["accent"])
            codes["accent"] = chosen or "none"
        if naming.rename(business_id=tenancy.here().id, name=name):
            codes["name"] = True
        if codes:
            u.entry(unit.Draft("settings.changed", actor.label, codes=codes))
            u.after_commit(policy.forget)
            u.after_commit(tenancy.directory().forget)
