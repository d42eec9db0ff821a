"""Jobs of the platform itself."""

from uuid import UUID

from portal.kernel import clock
from tenants.flows import provision


def build(business_id: UUID) -> None:
    provision.build(business_id=business_id, now=clock.now())
