"""Names for ids, for pages of apps below the one that knows them: the archive shows who an entry is about without
importing customers or staff. Whoever knows registers at start; without them an id has no name."""

from collections.abc import Callable, Iterable
from uuid import UUID

from portal.kernel.actors import Actor

Customers = Callable[[Iterable[UUID | None]], dict[UUID, str]]
Actors = Callable[[Iterable[str]], dict[str, str]]
Finder = Callable[[Actor, str], UUID | None]
Identifier = Callable[[Actor, str], set[UUID]]


def _nobody(wanted: Iterable[object]) -> dict:  # type: ignore[type-arg]
    return {}


def _nothing(actor: Actor, typed: str) -> UUID | None:
    return None


def _none(actor: Actor, typed: str) -> set[UUID]:
    return set()


def _no_staff() -> dict[str, str]:
    return {}


customers: Customers = _nobody
actors: Actors = _nobody
find_customer: Finder = _nothing
identify_customer: Identifier = _none  # everyone with exactly this reference, e-mail or phone


staff: Callable[[], dict[str, str]] = _no_staff  # label → name of everybody who ever acted for the business


def identify_by(identifier: Identifier) -> None:
    global identify_customer
    identify_customer = identifier


def list_staff_by(everybody: Callable[[], dict[str, str]]) -> None:
    global staff
    staff = everybody


def register(*, of_customers: Customers, of_actors: Actors, finder: Finder) -> None:
    global customers, actors, find_customer
    customers, actors, find_customer = of_customers, of_actors, finder
