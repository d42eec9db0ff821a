"""What a business calls itself. Its address stays: links, cookies and devices hang on it."""

from uuid import UUID

from tenants.models import Business
from tenants.rules import names


def rename(*, business_id: UUID, name: str) -> bool:
    """In the caller's unit. → whether it is another name. Processes know it within two seconds, or when they `forget`."""
    names.check_name(name)
    return bool(Business.objects.filter(id=business_id).exclude(name=name.strip()).update(name=name.strip()))
