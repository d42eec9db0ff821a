from tenants.models.business import Business, Domain
from tenants.models.platform import CacheRow, PlatformEvent, Wakeup

__all__ = ["Business", "CacheRow", "Domain", "PlatformEvent", "Wakeup"]
