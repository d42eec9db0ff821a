"""Retention rules: how long which records stay, counted from what, and who said so."""

from django.db import models

from portal.kernel import ids


class Rule(models.Model):
    """One version of a retention rule. A version that came into force is never changed, only followed by another. Kept."""

    class State(models.TextChoices):
        DRAFT = "draft"
        ACTIVE = "active"
        RETIRED = "retired"

    class Action(models.TextChoices):
        DISPOSE = "dispose"
        REVIEW = "review"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    code = models.CharField(max_length=64, unique=True)  # what leaves call it: a code, never words
    name = models.CharField(max_length=60)
    is_default = models.BooleanField(default=False)
    category = models.CharField(max_length=40, default="", blank=True)  # an empty part of the scope means any
    kind = models.CharField(max_length=40, default="", blank=True)
    purpose = models.CharField(max_length=16, default="", blank=True)
    keep_for = models.CharField(max_length=24)  # ISO 8601: PnYnMnWnD
    event = models.CharField(max_length=60, default="sent")
    action = models.CharField(max_length=8, choices=Action.choices, default=Action.DISPOSE)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    is_locked = models.BooleanField(default=False)  # one way
    follows_id = models.UUIDField(null=True)  # the version before
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=60, default="system")
    changed_at = models.DateTimeField(null=True)
    simulated_at = models.DateTimeField(null=True)  # since its last change
    activated_at = models.DateTimeField(null=True)
    activated_by = models.CharField(max_length=60, default="", blank=True)
    locked_at = models.DateTimeField(null=True)
    locked_by = models.CharField(max_length=60, default="", blank=True)
    retired_at = models.DateTimeField(null=True)
    retired_by = models.CharField(max_length=60, default="", blank=True)
    # A retroactive rule walks what is there already, in order of id; the clock goes on where it stands.
    is_retroactive = models.BooleanField(default=False)
    applied_to = models.UUIDField(null=True)
    applied_count = models.BigIntegerField(default=0)
    applied_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=models.Q(is_default=True, state="active"), name="one_default_rule"
            ),
            models.UniqueConstraint(
                fields=["follows_id"], condition=models.Q(follows_id__isnull=False, activated_at__isnull=False),
                name="a_version_is_followed_once",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["draft", "active", "retired"]), name="a_rule_is_in_a_known_state"
            ),
            models.CheckConstraint(
                condition=models.Q(action__in=["dispose", "review"]), name="a_rule_has_a_known_action"
            ),
            models.CheckConstraint(
                condition=models.Q(is_default=False) | models.Q(category="", kind="", purpose=""),
                name="a_default_rule_covers_everything",
            ),
            models.CheckConstraint(
                condition=models.Q(is_locked=False) | ~models.Q(state="draft"), name="a_draft_is_not_locked"
            ),
        ]  # fmt: skip
        indexes = [
            # read by flows.rule.apply, which the clock calls: what is not done yet
            models.Index(
                fields=["id"], condition=models.Q(is_retroactive=True, applied_at__isnull=True), name="rule_to_apply"
            )
        ]
