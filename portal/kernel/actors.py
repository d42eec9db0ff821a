"""Who acts. A person, a program, a device and the clock are four callers of the same flow."""

from dataclasses import dataclass, field
from functools import cached_property
from uuid import UUID

from portal.kernel import roles
from portal.kernel.errors import Kind, Refusal, not_found


@dataclass(frozen=True)
class Actor:
    """`kind` is staff, key, device, link, clock, system or operator; `permissions` what it may do; `customers` whom a device serves
    or a link is for."""

    kind: str
    id: UUID | None = None
    role: str = ""
    permissions: frozenset[str] = frozenset()
    customers: frozenset[UUID] = field(default_factory=frozenset)

    def may(self, permission: str) -> bool:
        return permission in self.permissions

    def require(self, permission: str) -> None:
        if not self.may(permission):
            raise Refusal(
                "not_allowed", "Your role does not allow this. Ask an owner of this business.",
                Kind.FORBIDDEN, permission=permission,
            )  # fmt: skip

    def own_id(self, kind: str) -> UUID:
        """Its id, for what only an actor of that kind has; all others are told that there is none."""
        if self.kind != kind or self.id is None:
            raise not_found("member of staff" if kind == "staff" else kind)
        return self.id

    @property
    def is_customer(self) -> bool:
        """A customer acts, by a device of theirs or by a link to an address of theirs."""
        return self.kind in {"device", "link"}

    @cached_property
    def label(self) -> str:
        """How an entry names the actor: a kind and an opaque id."""
        return f"{self.kind}:{self.id}" if self.id else self.kind


def named(label: str) -> Actor:
    """Whom a label names, with no rights: to ask who is behind it."""
    kind, _, raw = label.partition(":")
    return Actor(kind, UUID(raw) if raw else None)


CLOCK = Actor("clock", permissions=frozenset(roles.PERMISSIONS) - {"archive.open"})
SYSTEM = Actor("system", permissions=frozenset(roles.PERMISSIONS) - {"archive.open"})

# Whoever runs the installation, at its command line. None of the rights by which anything of a business is read.
OPERATOR = Actor("operator", permissions=frozenset({"business.govern"}))


def staff(user_id: UUID, role: str) -> Actor:
    return Actor("staff", user_id, role, roles.MATRIX.get(role, frozenset()))


def key(key_id: UUID, scopes: frozenset[str]) -> Actor:
    return Actor("key", key_id, "", scopes & roles.SCOPES)


def device(device_id: UUID, customers: frozenset[UUID]) -> Actor:
    return Actor("device", device_id, "", frozenset(), customers)


def link(link_id: UUID, customers: frozenset[UUID]) -> Actor:
    """Whoever used a one-time link that ends these customers' devices."""
    return Actor("link", link_id, "", frozenset(), customers)
