from tenants.models.business import Business, Domain
from tenants.models.platform import PlatformEvent, Wakeup

__all__ = ["Business", "Domain", "PlatformEvent", "Wakeup"]
