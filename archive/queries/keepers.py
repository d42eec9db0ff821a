"""Who outside gets checkpoints. Their addresses are sealed under the business key."""

from uuid import UUID

from archive.models import Keeper
from portal.kernel import keys
from portal.kernel.actors import Actor

CONTEXT = "archive/keeper"


def get_keepers_for(actor: Actor) -> list[tuple[Keeper, str]]:
    """Each with its address, the oldest first. Few: there is a limit."""
    actor.require("archive.list")
    return [(row, address_of(row)) for row in Keeper.objects.order_by("id")]


def addresses() -> dict[UUID, str]:
    return {row.id: address_of(row) for row in Keeper.objects.all()}


def address_of(row: Keeper) -> str:
    return keys.open_field(CONTEXT, row.id, row.sealed_address).decode()
