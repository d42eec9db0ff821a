"""Backups that were made: what is known of them here, so that disposal, health and certificates can ask."""

from django.db import models

from portal.kernel import ids


class Backup(models.Model):
    """One backup of the whole installation. Kept for ever: a certificate names the oldest that still existed.

    `ledgers` maps a business's id (hex) to {"size", "root", "decided"}: how many entries this backup holds of it, the root of
    their tree, and the index of the last `bucket.decided` among them (-1: none)."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    kind = models.CharField(max_length=20, default="dump")
    started_at = models.DateTimeField()
    as_of = models.DateTimeField()  # the instant of the one snapshot that it was read in
    lsn = models.CharField(max_length=40, default="")
    size = models.BigIntegerField(default=0)  # bytes
    manifest_sha256 = models.CharField(max_length=64, default="")
    ledgers = models.JSONField(default=dict)
    verified_at = models.DateTimeField(null=True)  # read back whole
    drilled_at = models.DateTimeField(null=True)  # restored into a scratch server, and its ledgers recomputed
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(kind__in=["dump"]), name="a_backup_is_of_a_known_kind"),
            models.CheckConstraint(
                condition=models.Q(removed_at__isnull=True) | models.Q(removed_at__gte=models.F("started_at")),
                name="a_backup_is_removed_after_it_was_made",
            ),
        ]
        indexes = [
            # read by queries.backups: the newest and the oldest that exist
            models.Index(fields=["as_of"], condition=models.Q(removed_at__isnull=True), name="backup_kept"),
        ]
