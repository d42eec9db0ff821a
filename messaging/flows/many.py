"""Many devices ended at once: a slip, a stolen key or a bitter colleague could shut every customer out in a minute. So what staff
and programs end is counted, and past the business's limit it waits for a second person."""

from datetime import datetime, timedelta

from messaging.flows import attempt
from messaging.queries import policy
from portal.kernel.actors import Actor

WINDOW = timedelta(hours=1)
WHY = "More devices were ended within an hour than this business allows one person."


def is_too_many(*, actor: Actor, now: datetime) -> bool:
    """Counts this one, in the caller's unit, and says whether it is past the limit. Customers end their own devices freely."""
    if actor.kind not in {"staff", "key"}:
        return False
    return attempt.add(now=now, use="device.end", source="*", window=WINDOW) > policy.get_policy().demands.ends_an_hour
