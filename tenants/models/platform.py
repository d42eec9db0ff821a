from django.db import models

from portal.kernel import ids


class Wakeup(models.Model):
    """The earliest scheduled send of a business: a hint for the clock. Losing it delays until the next sweep, never loses."""

    business_id = models.UUIDField(primary_key=True)
    due_at = models.DateTimeField(db_index=True)


class PlatformEvent(models.Model):
    """What happened to a business as a whole (provisioned, failed, closed). Codes only; kept."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    business_id = models.UUIDField(null=True)
    kind = models.CharField(max_length=40)
    at = models.DateTimeField()
    codes = models.JSONField(default=dict)


class CacheRow(models.Model):
    """Django's database cache, for counters that all processes share (rate limits, heartbeats). Rows expire by themselves."""

    cache_key = models.CharField(primary_key=True, max_length=255)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "tenants_cache"
