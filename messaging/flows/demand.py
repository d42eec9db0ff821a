"""What the business asks of devices, changed by whoever may change its settings. It holds from the next call on."""

from dataclasses import asdict
from datetime import datetime

from messaging.models import Policy
from messaging.queries import policy
from messaging.rules import demands
from portal.kernel import unit
from portal.kernel.actors import Actor


def change(*, actor: Actor, now: datetime, wanted: demands.Demands) -> None:
    actor.require("settings.manage")
    demands.check(wanted)
    with unit.work() as u:
        row = Policy.objects.select_for_update().get(id=1)
        changed = {name: value for name, value in asdict(wanted).items() if getattr(row, name) != value}
        if not changed:
            return
        if "ends_an_hour" in changed:  # a limit upon whoever sets everything else
            actor.require("business.govern")
        for name, value in changed.items():
            setattr(row, name, value)
        row.save(update_fields=list(changed))
        codes = {name: value if value != "" else "none" for name, value in changed.items()}
        u.entry(unit.Draft("settings.changed", actor.label, codes=codes))
        u.after_commit(policy.forget)
