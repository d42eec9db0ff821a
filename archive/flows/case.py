"""Cases: opened, filled, sampled, closed. What happens to one record of a case is in `caseitem`.

C1  A record that came into a case stays in it, since a hold may rest on the case: nothing takes items out, and a closed
    case keeps them. Whatever puts records in takes the guard first, so that none is disposed of on its way in (I8).
C2  A record stands in a case once, under a number of its own that nobody gives again.
C3  A sample is drawn over the items up to a number; with the seed in its entry anybody draws it again.
"""

import secrets
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from archive.flows import collecting
from archive.ledger import entry
from archive.models import Case, CaseItem
from archive.queries import cases
from archive.rules import casework, sampling
from portal.kernel import ids, keys, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal

SEED_BYTES = 16


@dataclass(frozen=True, slots=True)
class Drawn:
    """A sample: `drawn` of `population`, reproducible from `seed` (hex)."""

    seed: str
    population: int
    drawn: int


def open_(*, actor: Actor, now: datetime, name: str) -> UUID:
    """A case that is empty yet."""
    actor.require("case.manage")
    words = casework.name(name)
    with unit.work() as u:
        return _insert(u, actor, now, words).id


def open_with(*, actor: Actor, now: datetime, name: str, query: str = "") -> UUID:
    """A case and its first records, or neither."""
    with unit.work():
        made = open_(actor=actor, now=now, name=name)
        if query:
            collecting.collect(actor=actor, now=now, case_id=made, query=query)
    return made


def standing(u: unit.Unit, *, actor: Actor, now: datetime) -> Case:
    """The case that supervision feeds, locked; made when it is first needed. Runs in the caller's unit."""
    found = Case.objects.select_for_update().filter(is_standing=True).first()
    return found or _insert(u, actor, now, "Supervision", is_standing=True)


def sample(
    *, actor: Actor, now: datetime, case_id: UUID, share: int, stratum: str = "", seed: str = ""
) -> Drawn:  # fmt: skip
    """Draw a share (of 10,000) at random, in all or of each value of `stratum`. It takes the place of the sample before.
    `seed` is given only to draw one again."""
    actor.require("case.manage")
    _check_share(share, stratum)
    seed = seed or secrets.token_hex(SEED_BYTES)
    with unit.work() as u:
        case = collecting.lock_open(case_id)
        population = _population(case_id, stratum)
        found = sampling.draw(bytes.fromhex(seed), population, share)
        chosen = [one for part in found.values() for one in part]
        _mark(case_id, chosen)
        sizes = {name: {"population": len(population[name]), "drawn": len(found[name])} for name in population}
        total = sum(map(len, population.values()))
        count, digest = entry.digest_ids(chosen)
        codes: dict[str, str | int | bool] = {
            "case": str(case_id), "method": f"by-{stratum}" if stratum else "simple", "share": share, "seed": seed,
            "upto": case.size, "population": total, "strata": len(sizes),
        }  # fmt: skip
        detail: dict[str, object] = {"strata": sizes, "ids": collecting.listed(chosen)}
        u.entry(unit.Draft("case.sampled", actor.label, codes=codes, detail=detail, count=count, ids_sha256=digest))
    return Drawn(seed, total, len(chosen))


def close(*, actor: Actor, now: datetime, case_id: UUID) -> None:
    """Nothing is decided or collected in it from now on. Its records, tags and entries stay."""
    actor.require("case.manage")
    with unit.work() as u:
        case = collecting.lock_open(case_id)
        if case.is_standing:
            raise Refusal(
                "case_standing", "Supervision feeds this case: it stays open. Retire its rules instead.", Kind.CONFLICT
            )
        case.state, case.closed_by, case.closed_at = Case.State.CLOSED, actor.label, now
        case.save(update_fields=["state", "closed_by", "closed_at"])
        done = cases.progress_of([case_id])[case_id]
        codes: dict[str, str | int | bool] = {
            "case": str(case_id),
            "records": done.size,
            "decided": done.decided,
            "left": done.left,
        }
        u.entry(unit.Draft("case.closed", actor.label, codes=codes))
        collecting.stop(case_id=case_id)


def _insert(u: unit.Unit, actor: Actor, now: datetime, words: str, *, is_standing: bool = False) -> Case:
    row = Case(id=ids.uuid7(), is_standing=is_standing, opened_by=actor.label, opened_at=now)
    row.sealed_name = keys.seal_field(cases.NAME, row.id, words.encode())
    row.save(force_insert=True)
    codes: dict[str, str | int | bool] = {"case": str(row.id), "standing": is_standing}
    u.entry(unit.Draft("case.opened", actor.label, codes=codes, detail={"name": words}))
    return row


def _check_share(share: int, stratum: str) -> None:
    if not 1 <= share <= sampling.WHOLE:
        raise Refusal("bad_share", "A share is more than nothing and at most 100 percent.", field="share")
    if stratum and stratum not in sampling.STRATA:
        raise Refusal("bad_stratum", "Draw in all, or by direction, category or kind.", field="stratum")


def _population(case_id: UUID, stratum: str) -> dict[str, list[UUID]]:
    """Every item, reviewed or not, there or disposed of: so the same numbers give the same sample for ever."""
    found: dict[str, list[UUID]] = defaultdict(list)
    rows = CaseItem.objects.filter(case_id=case_id).values_list("message_id", stratum or "case_id")
    for message, value in rows.iterator(chunk_size=5000):
        found[str(value) if stratum else ""].append(message)
    if not found:
        raise Refusal("case_empty", "There is nothing to draw from: collect records first.", Kind.CONFLICT)
    return found


def _mark(case_id: UUID, chosen: Sequence[UUID]) -> None:
    items = CaseItem.objects.filter(case_id=case_id)
    items.filter(is_sampled=True).exclude(message_id__in=chosen).update(is_sampled=False)
    items.filter(message_id__in=chosen, is_sampled=False).update(is_sampled=True)
