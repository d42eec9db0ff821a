"""What may be done with a campaign, and what becomes of it. Pure.

    draft ── schedule, send ──┬─ scheduled ── its time comes ── running ── finished
      ▲                       └─ approving ─ yes ─┘  ▲  │           │ ▲        │
      └──────── no, taken back ───┘                  │  └── pause ──┼─┼─ paused
                                 (it repeats) ───────┴──────────────┘ └─ resend to failed

cancel ends every state before `finished`; what was sent by then stays sent. `failed` is a run of which nothing could be sent.
"""

from collections.abc import Mapping
from enum import StrEnum

from portal.kernel.errors import Kind, Refusal

SEND = "campaign.send"  # the act that a second person agrees to


class State(StrEnum):
    """Of a campaign."""

    DRAFT = "draft"
    APPROVING = "approving"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FINISHED = "finished"
    FAILED = "failed"


class RunState(StrEnum):
    """Of one sending of it."""

    WAITING = "waiting"  # planned; its audience is not written down yet
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FINISHED = "finished"
    FAILED = "failed"


class ChunkState(StrEnum):
    """Of a slice of a run."""

    WAITING = "waiting"  # its time has not come
    READY = "ready"
    ASKING = "asking"  # its time passed while the system was down: a person says what now
    DONE = "done"
    SKIPPED = "skipped"  # its time passed while the system was down, and the policy is to leave it
    FAILED = "failed"


class Missed(StrEnum):
    """What happens to a send whose time passed while the system was down."""

    SEND = "send"
    SKIP = "skip"
    ASK = "ask"


class Recipient(StrEnum):
    """What the contract calls the states of a row in a run's ledger."""

    PENDING = "pending"
    SENT = "sent"
    DELIVERED = "delivered"
    EXPIRED_UNREAD = "expired_unread"
    RECALLED = "recalled"
    SUPPRESSED = "suppressed"
    FAILED = "failed"


OVER = frozenset({State.CANCELLED, State.FINISHED, State.FAILED})
RUN_OVER = frozenset({RunState.CANCELLED, RunState.FINISHED, RunState.FAILED})
OPEN_CHUNKS = (ChunkState.WAITING, ChunkState.READY, ChunkState.ASKING)

# What can be done in which state; where it leads is the flow's to say.
VERBS: Mapping[str, frozenset[State]] = {
    "change": frozenset({State.DRAFT}),
    "schedule": frozenset({State.DRAFT}),
    "send": frozenset({State.DRAFT, State.SCHEDULED}),
    "approve": frozenset({State.APPROVING}),
    "pause": frozenset({State.SCHEDULED, State.RUNNING}),
    "resume": frozenset({State.PAUSED}),
    "cancel": frozenset({State.DRAFT, State.APPROVING, State.SCHEDULED, State.RUNNING, State.PAUSED}),
    "resend": frozenset({State.RUNNING, State.FINISHED, State.FAILED}),
}


def check(verb: str, state: str) -> None:
    """Refuse what cannot be done with a campaign in this state."""
    if state not in VERBS[verb]:
        raise Refusal(
            "campaign_state", f"This campaign is {state}, so that cannot be done with it now.", Kind.CONFLICT, state=state
        )  # fmt: skip


def may(verb: str, state: str) -> bool:
    return state in VERBS[verb]
