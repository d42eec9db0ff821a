"""What the API answers, for its schema (OpenAPI 3.1) and its pages."""

from rest_framework import serializers as s
from rest_framework.request import Request

from messaging.api.views import iso
from messaging.flows import enrolment as enrolments


class Consent(s.Serializer):  # type: ignore[type-arg]
    purpose = s.CharField()
    channel = s.CharField()
    source = s.CharField()
    at = s.DateTimeField()
    given = s.BooleanField()
    wording = s.CharField()


class Customer(s.Serializer):  # type: ignore[type-arg]
    id = s.UUIDField()
    reference = s.CharField()
    name = s.CharField()
    email = s.CharField()
    phone = s.CharField()
    language = s.CharField()
    time_zone = s.CharField()
    tags = s.ListField(child=s.CharField())
    fields = s.DictField()  # type: ignore[assignment]
    state = s.CharField()
    consent = Consent(many=True)
    created_at = s.DateTimeField()


class CustomerList(s.Serializer):  # type: ignore[type-arg]
    results = Customer(many=True)
    next = s.CharField(allow_null=True)


class Audience(s.Serializer):  # type: ignore[type-arg]
    id = s.UUIDField()
    name = s.CharField()
    filter = s.DictField()
    count = s.IntegerField()
    created_at = s.DateTimeField()
    updated_at = s.DateTimeField()


class AudienceList(s.Serializer):  # type: ignore[type-arg]
    results = Audience(many=True)
    next = s.CharField(allow_null=True)


class AudienceMember(s.Serializer):  # type: ignore[type-arg]
    id = s.UUIDField()
    reference = s.CharField()
    name = s.CharField()


class AudienceSampled(Audience):
    sample = AudienceMember(many=True)


class Erasure(s.Serializer):  # type: ignore[type-arg]
    id = s.UUIDField()
    state = s.CharField()
    live_messages_ended = s.IntegerField()
    archive_keeps_records = s.BooleanField()
    held_records = s.IntegerField()
    archive = s.CharField()


class Enrolment(s.Serializer):  # type: ignore[type-arg]
    id = s.UUIDField()
    expires_at = s.DateTimeField()
    url = s.CharField(required=False)
    code = s.CharField(required=False)


class EntryAt(s.Serializer):  # type: ignore[type-arg]
    index = s.IntegerField()


class Accepted(s.Serializer):  # type: ignore[type-arg]
    id = s.UUIDField()
    state = s.CharField()
    customer = s.UUIDField()
    gone_at = s.DateTimeField()
    archived_until = s.DateTimeField(allow_null=True)
    rule = s.CharField()
    entry = EntryAt()


class Attachment(s.Serializer):  # type: ignore[type-arg]
    id = s.UUIDField()
    type = s.CharField()
    bytes = s.IntegerField()


class BatchInput(s.Serializer):  # type: ignore[type-arg]
    messages = s.ListField(child=s.DictField(), max_length=1000)


class BatchAnswer(s.Serializer):  # type: ignore[type-arg]
    results = s.ListField(child=s.DictField())


class Message(s.Serializer):  # type: ignore[type-arg]
    id = s.UUIDField()
    customer = s.UUIDField()
    direction = s.CharField()
    state = s.CharField()
    outcome = s.CharField(allow_null=True)
    reason = s.CharField(allow_null=True)
    category = s.CharField()
    in_reply_to = s.UUIDField(allow_null=True)
    tap_to_reveal = s.BooleanField()
    gone_after_read = s.IntegerField(allow_null=True)
    composed_at = s.DateTimeField()
    send_at = s.DateTimeField(allow_null=True)
    sent_at = s.DateTimeField(allow_null=True)
    delivered_at = s.DateTimeField(allow_null=True)
    revealed_at = s.DateTimeField(allow_null=True)
    read_at = s.DateTimeField(allow_null=True)
    gone_at = s.DateTimeField(allow_null=True)
    ended_at = s.DateTimeField(allow_null=True)
    archived_until = s.DateTimeField(allow_null=True)
    rule = s.CharField()


class MessageList(s.Serializer):  # type: ignore[type-arg]
    results = Message(many=True)
    next = s.CharField(allow_null=True)


class Conversation(s.Serializer):  # type: ignore[type-arg]
    id = s.UUIDField()
    customer = s.UUIDField()
    state = s.CharField()
    assignee = s.UUIDField(allow_null=True)
    opened_at = s.DateTimeField()
    waiting_since = s.DateTimeField(allow_null=True)
    last_at = s.DateTimeField()
    closed_at = s.DateTimeField(allow_null=True)


class ConversationList(s.Serializer):  # type: ignore[type-arg]
    results = Conversation(many=True)
    next = s.CharField(allow_null=True)


class Wipe(s.Serializer):  # type: ignore[type-arg]
    id = s.UUIDField()
    state = s.CharField()
    requested_at = s.DateTimeField()
    sent_at = s.DateTimeField(allow_null=True)
    acknowledged_at = s.DateTimeField(allow_null=True)
    dark_at = s.DateTimeField(allow_null=True)
    signature = s.CharField(allow_null=True)


class Grant(s.Serializer):  # type: ignore[type-arg]
    customer = s.UUIDField()
    relation = s.ChoiceField(["self", "child", "care"])
    granted_by = s.CharField()
    granted_at = s.DateTimeField()
    until = s.DateTimeField(allow_null=True)


class Place(s.Serializer):  # type: ignore[type-arg]
    zone = s.CharField(allow_blank=True)
    network = s.CharField(allow_blank=True)


class Device(s.Serializer):  # type: ignore[type-arg]
    id = s.UUIDField()
    name = s.CharField()
    state = s.CharField()
    customers = s.ListField(child=s.UUIDField())
    serves = Grant(many=True)
    place = Place()
    ends_at = s.DateTimeField(allow_null=True)
    public_key = s.DictField(child=s.CharField())
    created_at = s.DateTimeField()
    seen_at = s.DateTimeField(allow_null=True)
    revoked_at = s.DateTimeField(allow_null=True)
    reason = s.CharField(allow_null=True)
    wipes = Wipe(many=True)


class DeviceList(s.Serializer):  # type: ignore[type-arg]
    results = Device(many=True)
    next = s.CharField(allow_null=True)


class Category(s.Serializer):  # type: ignore[type-arg]
    key = s.CharField()
    name = s.CharField()
    purpose = s.CharField()
    gone_after = s.IntegerField(allow_null=True)


class TemplateText(s.Serializer):  # type: ignore[type-arg]
    subject = s.CharField()
    body = s.CharField()
    answers = s.ListField(child=s.CharField())


class TemplateVersion(s.Serializer):  # type: ignore[type-arg]
    number = s.IntegerField()
    at = s.DateTimeField()
    author = s.CharField()


class Template(s.Serializer):  # type: ignore[type-arg]
    id = s.UUIDField()
    name = s.CharField()
    quick_answer = s.BooleanField()
    format = s.CharField()
    language = s.CharField()
    texts = s.DictField(child=TemplateText())
    variables = s.ListField(child=s.CharField())
    asks_for = s.ListField(child=s.CharField())
    version = s.IntegerField()
    created_at = s.DateTimeField()
    updated_at = s.DateTimeField()


class OneTemplate(Template):
    number = s.IntegerField()
    versions = TemplateVersion(many=True)


class TemplateList(s.Serializer):  # type: ignore[type-arg]
    results = Template(many=True)
    next = s.CharField(allow_null=True)


class CategoryList(s.Serializer):  # type: ignore[type-arg]
    results = Category(many=True)
    next = s.CharField(allow_null=True)


class CampaignRun(s.Serializer):  # type: ignore[type-arg]
    id = s.UUIDField()
    number = s.IntegerField()
    state = s.CharField()
    due_at = s.DateTimeField()
    started_at = s.DateTimeField(allow_null=True)
    finished_at = s.DateTimeField(allow_null=True)
    recipients = s.IntegerField()
    excluded = s.IntegerField()
    sent = s.IntegerField()
    suppressed = s.IntegerField()
    failed = s.IntegerField()
    missed = s.IntegerField()
    left = s.IntegerField()
    asking = s.IntegerField()
    rate = s.FloatField(allow_null=True)
    next_at = s.DateTimeField(allow_null=True)


class Campaign(s.Serializer):  # type: ignore[type-arg]
    id = s.UUIDField()
    name = s.CharField()
    state = s.CharField()
    revision = s.IntegerField()
    audience = s.JSONField()
    category = s.CharField()
    format = s.CharField()
    gone_after = s.IntegerField(allow_null=True)
    gone_after_read = s.IntegerField(allow_null=True)
    tap_to_reveal = s.BooleanField()
    send_at = s.DateTimeField(allow_null=True)
    send_at_local = s.CharField(allow_null=True)
    repeat = s.CharField(allow_null=True)
    missed = s.CharField(allow_null=True)
    created_at = s.DateTimeField()
    updated_at = s.DateTimeField()
    finished_at = s.DateTimeField(allow_null=True)
    runs = CampaignRun(many=True)
    counts = s.DictField(child=s.IntegerField(), required=False)
    reasons = s.DictField(child=s.IntegerField(), required=False)


class CampaignList(s.Serializer):  # type: ignore[type-arg]
    results = Campaign(many=True)
    next = s.CharField(allow_null=True)


class Recipient(s.Serializer):  # type: ignore[type-arg]
    customer = s.UUIDField()
    message = s.UUIDField(allow_null=True)
    state = s.CharField()
    reason = s.CharField(allow_null=True)
    due_at = s.DateTimeField()
    sent_at = s.DateTimeField(allow_null=True)
    delivered_at = s.DateTimeField(allow_null=True)
    revealed_at = s.DateTimeField(allow_null=True)
    read_at = s.DateTimeField(allow_null=True)
    gone_at = s.DateTimeField(allow_null=True)
    ended_at = s.DateTimeField(allow_null=True)


class RecipientList(s.Serializer):  # type: ignore[type-arg]
    results = Recipient(many=True)
    next = s.CharField(allow_null=True)


class Sample(s.Serializer):  # type: ignore[type-arg]
    customer = s.UUIDField()
    name = s.CharField()
    subject = s.CharField()
    body = s.CharField()
    answers = s.ListField(child=s.CharField())
    problem = s.CharField(allow_null=True)


class Problem(s.Serializer):  # type: ignore[type-arg]
    code = s.CharField()
    variable = s.CharField()
    customers = s.IntegerField()


class Simulation(s.Serializer):  # type: ignore[type-arg]
    recipients = s.IntegerField()
    excluded = s.DictField(child=s.IntegerField())
    untold = s.IntegerField()
    problems = Problem(many=True)
    samples = Sample(many=True)


class Told(s.Serializer):  # type: ignore[type-arg]
    purpose = s.CharField()
    channel = s.CharField()
    state = s.CharField()
    reason = s.CharField(allow_null=True)
    at = s.DateTimeField(allow_null=True)


class FollowUp(s.Serializer):  # type: ignore[type-arg]
    by = s.CharField()
    author = s.CharField()
    at = s.DateTimeField()


class UnreachedMessage(s.Serializer):  # type: ignore[type-arg]
    id = s.UUIDField()
    customer = s.UUIDField()
    outcome = s.CharField()
    why = s.CharField()
    words = s.CharField()
    sent_at = s.DateTimeField(allow_null=True)
    outcome_at = s.DateTimeField()
    told = Told(many=True)
    followed_up = FollowUp(many=True)


class UnreachedList(s.Serializer):  # type: ignore[type-arg]
    results = UnreachedMessage(many=True)
    next = s.CharField(allow_null=True)


class FollowedUp(s.Serializer):  # type: ignore[type-arg]
    id = s.UUIDField()
    message = s.UUIDField()
    by = s.CharField()


def enrolment(issued: enrolments.Issued, request: Request) -> dict[str, object]:
    """`url` and `code` only where they were to be shown."""
    shown = {"id": str(issued.id), "expires_at": iso(issued.expires_at)}
    extra = {"url": issued.url, "code": issued.code}
    return {**shown, **{name: value for name, value in extra.items() if value}}
