"""One lane a business and sender: single sends that arrive together are committed together.

A business commits serially (the ledger's head, I6), so single sends would queue for that lock with a commit each. Instead
whoever holds the lane takes everything that waits and sends it as one batch; a lone sender finds the lane free and waits
for nobody. Each message is still accepted or refused on its own.
"""

import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from messaging.flows import message
from messaging.rules.compose import Compose
from portal.kernel import tenancy
from portal.kernel.actors import Actor
from portal.kernel.errors import Refusal

MOST = 256  # messages a commit: beyond that the first would wait for the last


@dataclass(slots=True)
class _Waiting:
    asked: Compose
    now: datetime
    answer: message.Sent | BaseException | None = None


@dataclass(slots=True)
class _Lane:
    turn: threading.Lock = field(default_factory=threading.Lock)
    queue: deque[_Waiting] = field(default_factory=deque)


_lanes: dict[tuple[UUID, UUID | None], _Lane] = {}
_making = threading.Lock()


def send(*, actor: Actor, now: datetime, asked: Compose) -> message.Sent:
    """As `message.send`, in company."""
    lane = _lane(actor)
    mine = _Waiting(asked, now)
    lane.queue.append(mine)
    with lane.turn:
        while mine.answer is None:  # with very many waiting, mine may not be among the first taken
            _send_waiting(actor, lane)
    if isinstance(mine.answer, message.Sent):
        return mine.answer
    raise mine.answer


def _send_waiting(actor: Actor, lane: _Lane) -> None:
    """Called with the turn: nobody else takes from the queue. What is mine is in it, unless it has its answer."""
    taken = [lane.queue.popleft() for _ in range(min(len(lane.queue), MOST))]
    try:
        _send_or_alone(actor, taken)
    except BaseException as error:
        # No refusal: the commit may have happened. Nobody may read it as "not sent", or a repeat would send twice (I4).
        for one in taken:
            one.answer = one.answer or error
        raise


def _send_or_alone(actor: Actor, taken: list[_Waiting]) -> None:
    try:
        _send(actor, taken)
    except Refusal as refusal:
        _send_alone(actor, taken, refusal)


def _send(actor: Actor, taken: list[_Waiting]) -> None:
    latest = max(one.now for one in taken)
    answers = message.send_many(actor=actor, now=latest, composed=[one.asked for one in taken])
    for one, answer in zip(taken, answers, strict=True):
        one.answer = answer


def _send_alone(actor: Actor, taken: list[_Waiting], refusal: Refusal) -> None:
    """The batch as a whole was refused: nobody pays for a neighbour."""
    if len(taken) == 1:
        taken[0].answer = refusal
        return
    for one in taken:
        try:
            _send(actor, [one])
        except Refusal as own:
            one.answer = own


def _lane(actor: Actor) -> _Lane:
    name = (tenancy.here().id, actor.id)
    lane = _lanes.get(name)
    if lane is None:
        with _making:
            lane = _lanes.setdefault(name, _Lane())
    return lane
