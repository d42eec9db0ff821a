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
    """What can be asked for. `permission`: of who asks and who approves. `title`: "Release a hold". `describe` says all of it
    to a person, "Release the hold X" (it may open sealed names); `page` is where the target is shown: "console:archive_hold".
    `let_go` is told of a target that is not to be: refused, taken back, run out, failed. In the approval's unit."""

    permission: str
    title: str
    carry_out: CarryOut
    describe: Callable[[UUID, Codes], str] | None = None
    page: str = ""
    let_go: CarryOut | None = None


class Request(Protocol):
    """What is looked at of a request: the act's code, the label of who asked and the person behind it."""

    kind: str
    asked_by: str
    person_id: UUID | None


_acts: dict[str, Act] = {}


def register(kind: str, act: Act) -> None:
    _acts[kind] = act


def get(kind: str) -> Act | None:
    """None for an act that this release does not know (any more)."""
    return _acts.get(kind)


def kinds_for(actor: Actor) -> list[str]:
    """The acts that this person could do."""
    return [kind for kind, act in _acts.items() if actor.may(act.permission)]


def may_decide(actor: Actor, asked: Request) -> bool:
    """Another person with the act's permission, who may decide for others. Never who asked, nor who made the asking key."""
    act = _acts.get(asked.kind)
    other = actor.kind == "staff" and actor.id != asked.person_id and actor.label != asked.asked_by
    return bool(other and act and actor.may(DECIDE) and actor.may(act.permission))


def may_withdraw(actor: Actor, asked: Request) -> bool:
    """Anyone whom it concerns: who asked, an owner, whoever may do the act."""
    if actor.kind != "staff":
        return False
    act = _acts.get(asked.kind)
    own = asked.asked_by == actor.label or actor.id == asked.person_id
    return own or actor.role == "owner" or bool(act and actor.may(act.permission))
