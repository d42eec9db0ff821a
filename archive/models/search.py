"""What search keeps beside the records: derived, and gone with them."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from portal.kernel import ids


class SearchState(models.Model):
    """One row: entries below `upto` have been taken in. Never behind what is gone, never ahead of what is committed."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    upto = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="a_search_index_has_one_state")]


class SearchRow(models.Model):
    """A record that was taken in: its hashed words under an index that would cost a sender a third of its time, and the
    codes its day was counted under. Dies with its record; its words die with the customer's erasure."""

    message_id = models.UUIDField(primary_key=True)
    index = models.BigIntegerField(unique=True)  # of its entry: the newest are walked by it
    day = models.DateField()
    kind = models.CharField(max_length=40)
    direction = models.CharField(max_length=3)
    category = models.CharField(max_length=40)
    index_month = models.CharField(max_length=7)
    words = ArrayField(models.BigIntegerField())

    class Meta:
        indexes = [GinIndex(fields=["words"], name="search_by_word")]


class SearchDay(models.Model):
    """How many records of a day are of a kind, direction and category. Follows its rows: disposal counts back."""

    id = models.BigAutoField(primary_key=True)
    day = models.DateField()
    kind = models.CharField(max_length=40)
    direction = models.CharField(max_length=3)
    category = models.CharField(max_length=40)
    count = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["day", "kind", "direction", "category"], name="a_day_is_counted_once")
        ]


class AskedSearch(models.Model):
    """What somebody asked: a search of the archive, sealed under the business key, so that an address names only its id; or the
    filters of a list of the console (`of`), as a view. Kept under a name, or gone after a day."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    staff_id = models.UUIDField()
    of = models.CharField(max_length=20, default="", blank=True)  # the list, "" for the archive's search
    sealed = models.BinaryField()  # {name, query, reason}
    is_kept = models.BooleanField(default=False)
    asked_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["staff_id", "id"], name="search_of_staff")]
