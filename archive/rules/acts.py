"""Acts that need a second person: which there are, and who may ask, decide and take back. Pure.

An act registers itself once, where it is implemented, when its app starts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from portal.kernel.actors import Actor

DECIDE = "approval.decide"
Codes = Mapping[str, str | int | bool]


class CarryOut(Protocol):
    def __call__(self, *, actor: Actor, now: datetime, target_id: UUID, codes: Codes) -> object: ...


@dataclass(frozen=True, slots=True)
class Act:
    """What can be asked for. `permission`: of who asks, and of who approves where `decided_by` names no other. `title`:
    "Release a hold". `describe` says all of it to a person, "Release the hold X" (it may open sealed names); `page` is where the
    target is shown: "console:archive_hold". `let_go` is told of a target that is not to be: refused, taken back, run out, failed.
    In the approval's unit."""

    permission: str
    title: str
    carry_out: CarryOut
    describe: Callable[[UUID, Codes], str] | None = None
    page: str = ""
    let_go: CarryOut | None = None
    decided_by: str = ""

    @property
    def deciding(self) -> str:
        return self.decided_by or self.permission


class Request(Protocol):
    """What is looked at of a request: the act's code, the label of who asked and the person behind it; in its codes, as `made_by`,
    the person whose work it is about, where that is another."""

    kind: str
    asked_by: str
    person_id: UUID | None
    codes: Codes


_acts: dict[str, Act] = {}


def register(kind: str, act: Act) -> None:
    _acts[kind] = act


def get(kind: str) -> Act | None:
    """None for an act that this release does not know (any more)."""
    return _acts.get(kind)


def every() -> list[Act]:
    return sorted(_acts.values(), key=lambda act: act.title)


def kinds_for(actor: Actor) -> list[str]:
    """The acts that this person could do, or decide."""
    return [kind for kind, act in _acts.items() if actor.may(act.permission) or actor.may(act.deciding)]


def may_decide(actor: Actor, asked: Request) -> bool:
    """Another person with the act's permission, who may decide for others. Never who asked, nor who made the asking key, nor whose
    work it is: whatever role they have got since, they are who they were."""
    act = _acts.get(asked.kind)
    other = actor.kind == "staff" and actor.id not in involved(asked) and actor.label != asked.asked_by
    return bool(other and act and actor.may(DECIDE) and actor.may(act.deciding))


def involved(asked: Request) -> frozenset[UUID | None]:
    made_by = str(asked.codes.get("made_by", ""))
    return frozenset({asked.person_id, UUID(made_by) if made_by else None}) - {None}


def may_withdraw(actor: Actor, asked: Request) -> bool:
    """Anyone whom it concerns: who asked, an owner, whoever may do the act."""
    if actor.kind != "staff":
        return False
    act = _acts.get(asked.kind)
    own = asked.asked_by == actor.label or actor.id == asked.person_id
    return own or actor.role == "owner" or bool(act and actor.may(act.permission))
