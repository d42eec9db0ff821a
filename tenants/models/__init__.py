from tenants.models.backup import Backup
from tenants.models.business import Business, Domain
from tenants.models.platform import CacheRow, PlatformEvent, Wakeup

__all__ = ["Backup", "Business", "CacheRow", "Domain", "PlatformEvent", "Wakeup"]
