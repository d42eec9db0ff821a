from tenants.models.backup import Backup
from tenants.models.business import Business, Domain
from tenants.models.closing import Closing
from tenants.models.platform import CacheRow, PlatformEvent, Wakeup
from tenants.models.signup import Signup

__all__ = ["Backup", "Business", "CacheRow", "Closing", "Domain", "PlatformEvent", "Signup", "Wakeup"]
