"""The demo's retention rules, beside the default: one in force, and a draft that waits to be simulated."""

from archive.flows import rule
from archive.flows.rulecheck import Wanted
from portal.kernel import clock
from portal.kernel.actors import Actor

RULES = {
    "acme": (
        Wanted(name="What patients write", keep_for="P10Y", kind="message.received", action="review"),
        Wanted(name="Messages to patients", keep_for="P6Y", event="ended", kind="message.sent"),
    ),
    "globex": (
        Wanted(name="SEC 17a-4", keep_for="P6Y", kind="message.sent", purpose="service"),
        Wanted(name="Marketing, 30 days", keep_for="P30D", purpose="marketing"),
    ),
}


def seed(officer: Actor, slug: str) -> None:
    """As an officer would: written, simulated, put in force; the last stays a draft."""
    chosen = RULES.get(slug, ())
    rows = [rule.create(actor=officer, now=clock.now(), wanted=wanted) for wanted in chosen]
    for row in rows[:1]:
        rule.simulate(actor=officer, now=clock.now(), rule_id=row.id)
        rule.activate(actor=officer, now=clock.now(), rule_id=row.id)
