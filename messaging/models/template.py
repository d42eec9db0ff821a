from django.db import models

from portal.kernel import ids


class Template(models.Model):
    """A text that is used again, the business's own: its name is sealed under the business key. Dies when staff delete it."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    sealed_name = models.BinaryField()
    is_quick_answer = models.BooleanField(default=False)  # offered in conversations
    version = models.PositiveIntegerField(default=1)  # the newest: compared and set, so that two people see each other
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()


class TemplateVersion(models.Model):
    """The text of a template as it was from one change to the next, in all its languages: sealed under the business key, never
    changed. Dies with its template."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    template = models.ForeignKey(Template, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    author = models.CharField(max_length=60)
    at = models.DateTimeField()
    sealed = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["template", "number"], name="a_template_has_each_version_once")]
