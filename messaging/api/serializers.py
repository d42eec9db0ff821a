"""What the API takes. Unknown fields are refused, texts are kept byte for byte, every error has a code."""

import re
from functools import cached_property
from typing import Any

from rest_framework import serializers

from messaging.rules import consent
from portal.kernel.errors import Kind, Refusal

DURATION_MAX = 10 * 366 * 86400


class Strict(serializers.Serializer):  # type: ignore[type-arg]
    """A body that must be an object with known fields only: a typing mistake is told, not ignored.

    Only what was given is looked at, and one serializer serves all calls (`checked`): DRF copies every field for each
    new one, and then asks every field about every body, which together cost more than sealing and storing a message."""

    @classmethod
    def checked(cls, data: object) -> dict[str, Any]:
        """The values of a body, defaults filled in; or what is wrong with it."""
        shared = _shared.get(cls)
        if shared is None:  # two threads may make it at once: either one serves
            shared = _shared[cls] = cls()
        return shared.run_validation(data)

    def run_validation(self, data: object = serializers.empty) -> dict[str, Any]:
        return self.to_internal_value(data)

    def to_internal_value(self, data: object) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise Refusal("not_an_object", "The body must be a JSON object.", Kind.MALFORMED)
        fields = self._by_name
        if unknown := sorted(data.keys() - fields.keys()):
            raise Refusal(
                "unknown_field", "The body has a field that this call does not know.", field=_plain(unknown[0])
            )
        values, wrong = {}, {}
        for name, field in self._always:
            if name not in data:
                try:
                    values[name] = field.run_validation(serializers.empty)
                except serializers.ValidationError as error:
                    wrong[name] = error.detail
        for name, given in data.items():
            try:
                values[name] = fields[name].run_validation(given)
            except serializers.ValidationError as error:
                wrong[name] = error.detail
        if wrong:
            raise serializers.ValidationError(wrong)
        return self._plain_defaults | values

    @cached_property
    def _by_name(self) -> dict[str, serializers.Field]:
        """DRF's own is a class in Python; every field of every body is looked up here."""
        return dict(self.fields.items())

    @cached_property
    def _plain_defaults(self) -> dict[str, Any]:
        return {
            name: field.default
            for name, field in self.fields.items()
            if _has_default(field) and not callable(field.default)
        }

    @cached_property
    def _always(self) -> list[tuple[str, serializers.Field]]:
        """Those that must be asked even when nothing was given: required ones, and defaults that are made anew."""
        return [(n, f) for n, f in self.fields.items() if f.required or (_has_default(f) and callable(f.default))]


_shared: dict[
    type[Strict], Strict
] = {}  # checking keeps nothing in a serializer or its fields, so threads may share one


def _has_default(field: serializers.Field) -> bool:
    return field.default is not serializers.empty  # DRF's "nothing" is a class, so callable


def _plain(name: str) -> str:
    """A field's name as an error may repeat it: a stranger's text is not echoed."""
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,39}", name) else "?"


class Text(serializers.CharField):
    """Kept as it came: no trimming, blanks allowed (the flow says what is empty)."""

    def __init__(self, **options: object) -> None:
        super().__init__(trim_whitespace=False, allow_blank=True, **options)  # type: ignore[arg-type]

    def run_validation(self, data: object = serializers.empty) -> object:
        """DRF's own check for control characters would answer first; the flow's answer has the code."""
        if data is serializers.empty:
            return super().run_validation(data)
        if not isinstance(data, str):
            self.fail("invalid")
        return data


class Id(serializers.UUIDField):
    """As its base, without the way through validators it has not got: every message of a batch names a customer."""

    def run_validation(self, data: object = serializers.empty) -> object:
        if data.__class__ is not str:
            return super().run_validation(data)
        return self.to_internal_value(data)


class Whole(serializers.IntegerField):
    """As its base, which writes every number down as text and reads it again; a number in bounds need not be."""

    def run_validation(self, data: object = serializers.empty) -> object:
        if data.__class__ is int and 0 < data <= DURATION_MAX:
            return data
        return super().run_validation(data)


class Choice(serializers.ChoiceField):
    """DRF's own words would repeat what was sent."""

    default_error_messages = {"invalid_choice": "That is not one of the choices."}


class ConsentInput(Strict):
    purpose = Choice(list(consent.PURPOSES))
    channel = Text()
    source = Text()
    at = serializers.DateTimeField(required=False)
    wording = Text(required=False, default="")
    given = serializers.BooleanField(required=False, default=True)


class CustomerInput(Strict):
    reference = Text(required=False)
    name = Text(required=False)
    email = Text(required=False)
    phone = Text(required=False)
    language = Text(required=False)
    time_zone = Text(required=False)
    tags = serializers.ListField(child=Text(), required=False)
    fields = serializers.DictField(required=False)  # type: ignore[assignment]
    consent = ConsentInput(many=True, required=False)


class AudienceInput(Strict):
    name = Text()
    filter = serializers.DictField()


class AudienceChange(Strict):
    name = Text(required=False)
    filter = serializers.DictField(required=False)


class EnrolmentInput(Strict):
    send_by = Choice(["email", "sms", "show"], required=False)
    relation = Choice(["self", "child", "care"], required=False, default="self")
    until = serializers.DateTimeField(required=False, default=None, allow_null=True)


class MessageInput(Strict):
    to = Text(required=False, default="")
    customer = Id(required=False, default=None)
    reference = Text(required=False, default="")
    body = Text(required=False, default=None)
    template = Text(required=False)
    variables = serializers.DictField(required=False)
    subject = Text(required=False, default="")
    format = serializers.CharField(required=False, default="text")
    gone_after = Whole(required=False, default=None, allow_null=True, max_value=DURATION_MAX)
    gone_after_read = Whole(required=False, default=None, allow_null=True, max_value=DURATION_MAX)
    tap_to_reveal = serializers.BooleanField(required=False, default=False)
    category = serializers.CharField(required=False, default="", allow_blank=True)
    send_at = serializers.DateTimeField(required=False, default=None, allow_null=True)
    in_reply_to = Id(required=False, default=None, allow_null=True)
    attachments = serializers.ListField(child=serializers.UUIDField(), required=False, default=list)
    answers = serializers.ListField(child=Text(), required=False, default=list)


class CampaignInput(Strict):
    name = Text()
    audience = serializers.JSONField()
    body = Text(required=False)
    template = Id(required=False, allow_null=True)
    subject = Text(required=False)
    format = serializers.CharField(required=False)
    gone_after = Whole(required=False, allow_null=True, max_value=DURATION_MAX)
    gone_after_read = Whole(required=False, allow_null=True, max_value=DURATION_MAX)
    tap_to_reveal = serializers.BooleanField(required=False)
    category = serializers.CharField(required=False, allow_blank=True)
    send_at = serializers.DateTimeField(required=False, allow_null=True)
    send_at_local = Text(required=False)
    repeat = Text(required=False)
    missed = Choice(["", "send", "skip", "ask"], required=False, allow_blank=True)
    attachments = serializers.ListField(child=serializers.UUIDField(), required=False)
    answers = serializers.ListField(child=Text(), required=False)


class CampaignChange(CampaignInput):
    """What is given is changed; `revision` is that of the draft one read."""

    revision = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    name = Text(required=False)
    audience = serializers.JSONField(required=False)


class StartInput(Strict):
    reason = Text(required=False, default="")


class ExtendInput(Strict):
    gone_after = serializers.IntegerField(required=False, default=None, allow_null=True, max_value=DURATION_MAX)


class AssignInput(Strict):
    staff = serializers.UUIDField(allow_null=True)


class TextInput(Strict):
    subject = Text(required=False, default="")
    body = Text()
    answers = serializers.ListField(child=Text(), required=False, default=list)


class TemplateInput(Strict):
    """`body`, `subject` and `answers` are one text, in `language`; `texts` are several."""

    name = Text()
    body = Text(required=False)
    subject = Text(required=False)
    answers = serializers.ListField(child=Text(), required=False)
    language = Text(required=False)
    texts = serializers.DictField(child=TextInput(), required=False)
    format = serializers.CharField(required=False)
    variables = serializers.ListField(child=Text(), required=False)
    quick_answer = serializers.BooleanField(required=False, default=False)


class TemplateChange(TemplateInput):
    name = Text(required=False)
    quick_answer = serializers.BooleanField(required=False)
    version = serializers.IntegerField(required=False)


class FollowUpInput(Strict):
    by = Choice(["phone", "letter", "in_person"])
    note = Text(required=False, default="")


class PassphraseInput(Strict):
    passphrase = Text()


class WipeInput(Strict):
    reason = Text(required=False, default="")


class CategoryInput(Strict):
    key = serializers.RegexField(r"^[a-z][a-z0-9_-]{0,39}$")
    name = Text()
    purpose = Choice(["service", "marketing"])
    gone_after = serializers.IntegerField(required=False, default=None, allow_null=True, max_value=DURATION_MAX)
