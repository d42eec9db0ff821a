from django.db import models
from django.db.models import Q

from portal.kernel import ids


class Viewing(models.Model):
    """A request to see one ended record again, and, once an officer granted it, its words for one opening. Dies with that
    opening, when it is declined, or at its end: a week after it was asked for, a day after it was granted."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    message_id = models.UUIDField()
    person_id = models.UUIDField()  # who asked, and alone may open it
    reason = models.BinaryField()  # sealed under the business key
    asked_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    granted_by = models.CharField(max_length=60, default="")
    wrap = models.BinaryField(null=True)  # a random key, under the live wheel's bucket of `ends_at`
    sealed = models.BinaryField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message_id", "person_id"], name="a_record_is_asked_for_once_by_a_person"),
            models.CheckConstraint(
                condition=Q(granted_by="", wrap__isnull=True, sealed__isnull=True)
                | (~Q(granted_by="") & Q(wrap__isnull=False, sealed__isnull=False)),
                name="a_viewing_has_words_once_it_is_granted",
            ),
        ]
        indexes = [models.Index(fields=["ends_at"], name="viewing_that_ends")]  # read by the sweep
