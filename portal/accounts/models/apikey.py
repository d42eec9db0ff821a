from django.contrib.postgres.fields import ArrayField
from django.db import models

from portal.kernel import actors, ids


class ApiKey(models.Model):
    """A program's key: only its SHA-256 is stored. Kept after it is revoked: entries name its id."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12)
    digest = models.BinaryField(max_length=32, unique=True)
    scopes = ArrayField(models.CharField(max_length=40))
    networks = ArrayField(models.CharField(max_length=43), default=list)  # CIDR; none: from everywhere
    created_at = models.DateTimeField()
    created_by = models.UUIDField(null=True)
    expires_at = models.DateTimeField(null=True)
    used_on = models.DateField(null=True)
    refused_at = models.DateTimeField(null=True)  # from an address outside its ranges; an entry an hour at most
    revoked_at = models.DateTimeField(null=True)

    @property
    def actor(self) -> actors.Actor:
        return actors.key(self.id, frozenset(self.scopes))
