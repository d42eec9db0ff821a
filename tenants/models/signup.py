from django.db import models

from portal.kernel import ids


class Signup(models.Model):
    """Somebody who wants to start a business, by an e-mail address that has to show that it is read. Dies after a day; what was
    half made by then dies with it."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    email = models.EmailField(max_length=254)
    network = models.BinaryField(max_length=16)  # keyed hash of where it was asked from
    business_id = models.UUIDField(null=True, unique=True)
    asked_at = models.DateTimeField()

    class Meta:
        indexes = [
            # read by flows.signup: today's, and those that are over
            models.Index(fields=["asked_at"], name="signup_asked"),
        ]
