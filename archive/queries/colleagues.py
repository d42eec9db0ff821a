"""Who the staff are, asked by the archive, which stands below them: `accounts` registers the answer at start.

Without an answer nobody is anybody's colleague and nobody is told: acts then wait out their cool-off.
"""

from typing import Protocol
from uuid import UUID

from portal.kernel.actors import Actor


class People(Protocol):
    def deciders(self, permission: str) -> frozenset[UUID]:
        """Active members of staff who may do the act and decide for others (`approval.decide`)."""
        ...

    def actor_of(self, person: UUID) -> Actor | None:
        """Them with the role they have now; None once they left."""
        ...

    def behind(self, actor: Actor) -> UUID | None:
        """The person who acts: themself, or whoever made the API key."""
        ...

    def owner_addresses(self) -> list[str]:
        """E-mail addresses of the active owners."""
        ...

    def officers(self) -> dict[UUID, str]:
        """Names of the active staff who may open the archive, by id."""
        ...

    def reviewers(self) -> dict[UUID, str]:
        """Names of the active staff who may review cases, by id."""
        ...


class Nobody:
    def deciders(self, permission: str) -> frozenset[UUID]:
        return frozenset()

    def actor_of(self, person: UUID) -> Actor | None:
        return None

    def behind(self, actor: Actor) -> UUID | None:
        return actor.id if actor.kind == "staff" else None

    def owner_addresses(self) -> list[str]:
        return []

    def officers(self) -> dict[UUID, str]:
        return {}

    def reviewers(self) -> dict[UUID, str]:
        return {}


people: People = Nobody()


def register(given: People) -> None:
    global people
    people = given
