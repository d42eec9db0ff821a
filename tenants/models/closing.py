"""Closing a business (decision 18): how far it is, and what stays."""

from django.db import models


class Closing(models.Model):
    """One business's closing, from the agreement of two people on. Called off: the row goes. Carried out: it stays, and is all that
    is left. Codes, hashes and times; the certificate names no person and holds no content."""

    class State(models.TextChoices):
        WAITING = "waiting"  # can be called off
        WINDING = "winding"  # customers are shut out, what lives is ended
        PROVING = "proving"  # until the archive was proved to be elsewhere
        SEALING = "sealing"  # served to nobody; its keys die
        CLOSED = "closed"

    business_id = models.UUIDField(primary_key=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    agreed_at = models.DateTimeField()
    closes_at = models.DateTimeField()
    entered_at = models.DateTimeField()  # the state it is in
    codes = models.JSONField(default=dict)  # the last tree, the proof that was accepted, what is destroyed and when
    token_sha256 = models.CharField(max_length=64)  # of the link that leads to the certificate
    certificate = models.TextField(default="")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["waiting", "winding", "proving", "sealing", "closed"]),
                name="a_closing_is_in_a_known_state",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="closed") | ~models.Q(certificate=""),
                name="a_closed_business_has_its_certificate",
            ),
        ]
        indexes = [
            # read by the clock: what is to be carried on
            models.Index(fields=["closes_at"], condition=~models.Q(state="closed"), name="closing_under_way"),
        ]
