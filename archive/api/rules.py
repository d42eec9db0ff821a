"""Retention rules by API: written, simulated, put in force, retired. Locking is for people, in the console."""

from datetime import datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response

from archive.api import acts
from archive.flows import rule
from archive.flows.rulecheck import Wanted
from archive.models import Rule
from archive.queries import rules, simulation
from portal.kernel import clock
from portal.kernel.errors import Refusal

SCOPE = ("category", "kind", "purpose")


class Scope(s.Serializer):
    category = s.CharField(required=False, allow_blank=True, max_length=40)
    kind = s.CharField(required=False, allow_blank=True, max_length=40)
    purpose = s.CharField(required=False, allow_blank=True, max_length=16)
    audience = s.CharField(required=False, help_text="not before there are campaigns: refused")


class RuleInput(s.Serializer):
    """`from` is no name in Python; it is added below."""

    name = s.CharField(max_length=60)
    scope = Scope(required=False)
    keep_for = s.CharField(max_length=24, help_text="ISO 8601: P7Y, P18M, P2W, P90D")
    action = s.ChoiceField(["dispose", "review"], default="dispose")
    follows = s.UUIDField(required=False, help_text="the rule in force whose next version this is")

    def get_fields(self) -> dict[str, Any]:
        event = s.CharField(
            max_length=60, default="sent", help_text="sent, ended, conversation.closed, customer.closed, field:…"
        )
        return {**super().get_fields(), "from": event}


class ActivateInput(s.Serializer):
    retroactive = s.BooleanField(default=False, help_text="for records that are there already, too")
    reason = s.CharField(required=False, allow_blank=True, max_length=1000, default="")


class RetireInput(s.Serializer):
    reason = s.CharField(required=False, allow_blank=True, max_length=1000, default="")


class RuleAnswer(s.Serializer):
    id = s.UUIDField()
    code = s.CharField()
    name = s.CharField()
    scope = Scope()
    keep_for = s.CharField()
    action = s.CharField()
    state = s.CharField()
    is_default = s.BooleanField()
    is_locked = s.BooleanField()
    follows = s.UUIDField(allow_null=True)
    created_at = s.DateTimeField()
    simulated_at = s.DateTimeField(allow_null=True)
    activated_at = s.DateTimeField(allow_null=True)
    retired_at = s.DateTimeField(allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "from": s.CharField()}


class RuleList(s.Serializer):
    results = RuleAnswer(many=True)
    next = s.CharField(allow_null=True)


class SampleAnswer(s.Serializer):
    message = s.UUIDField()
    kind = s.CharField()
    category = s.CharField()
    sent_at = s.DateTimeField()
    now = s.DateTimeField(allow_null=True)
    after = s.DateTimeField(allow_null=True)
    retroactive = s.DateTimeField(allow_null=True)


class MonthAnswer(s.Serializer):
    month = s.CharField(help_text="YYYY-MM, or keep: nobody knows yet")
    now = s.IntegerField()
    after = s.IntegerField()
    retroactive = s.IntegerField()


class SimulationAnswer(s.Serializer):
    matched = s.IntegerField()
    held = s.IntegerField()
    oldest = s.DateTimeField(allow_null=True)
    newest = s.DateTimeField(allow_null=True)
    bytes = s.IntegerField()
    samples = SampleAnswer(many=True)
    looked_at = s.IntegerField()
    estimate = s.BooleanField(help_text="ends were reckoned for a sample")
    sooner = s.IntegerField()
    later = s.IntegerField()
    sooner_if_retroactive = s.IntegerField()
    overdue_if_retroactive = s.IntegerField()
    needs_second_person = s.BooleanField()
    months = MonthAnswer(many=True)
    decided_by = s.DictField(child=s.IntegerField(), help_text="how many records each rule would decide for")


class Rules(acts.View):
    @extend_schema(responses=RuleList, tags=["retention-rules"])
    def get(self, request: Request) -> Response:
        rules.check_may_see(self.actor())
        return Response(acts.page(request, Rule.objects.all(), shown))

    @extend_schema(request=RuleInput, responses={201: RuleAnswer}, tags=["retention-rules"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        data = acts.given(RuleInput, request)
        row = rule.create(actor=self.actor(), now=now, wanted=_wanted(request, data), follows=data.get("follows"))
        return Response(shown(row), status=201)


class OneRule(acts.View):
    @extend_schema(responses=RuleAnswer, tags=["retention-rules"])
    def get(self, request: Request, rule_id: UUID) -> Response:
        return Response(shown(rules.get_rule_for(self.actor(), rule_id)))


class Simulate(acts.View):
    @extend_schema(request=None, responses=SimulationAnswer, tags=["retention-rules"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        return Response(_told(rule.simulate(actor=self.actor(), now=now, rule_id=kwargs["rule_id"])))


class Activate(acts.View):
    @extend_schema(request=ActivateInput, responses={200: RuleAnswer}, tags=["retention-rules"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        data = acts.given(ActivateInput, request)
        return self.told(rule.activate(actor=self.actor(), now=now, rule_id=kwargs["rule_id"], **data))

    def told(self, changed: rule.Changed) -> Response:
        if changed.approval:
            return acts.approving(changed.approval)
        return Response(shown(rules.get_rule_for(self.actor(), changed.id)))


class Retire(Activate):
    @extend_schema(request=RetireInput, responses={200: RuleAnswer}, tags=["retention-rules"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        data = acts.given(RetireInput, request)
        return self.told(rule.retire(actor=self.actor(), now=now, rule_id=kwargs["rule_id"], **data))


def shown(row: Rule) -> dict[str, Any]:
    return {
        "id": str(row.id), "code": row.code, "name": row.name,
        "scope": {name: value for name in SCOPE if (value := getattr(row, name))},
        "keep_for": row.keep_for, "from": row.event, "action": row.action, "state": row.state, "is_default": row.is_default,
        "is_locked": row.is_locked, "follows": str(row.follows_id) if row.follows_id else None,
        "created_at": _iso(row.created_at), "simulated_at": _iso(row.simulated_at), "activated_at": _iso(row.activated_at),
        "retired_at": _iso(row.retired_at),
    }  # fmt: skip


def _wanted(request: Request, data: dict[str, Any]) -> Wanted:
    given = request.data.get("scope") if isinstance(request.data.get("scope"), dict) else {}
    acts.refuse_unknown(Scope(), given)
    scope = data.get("scope") or {}
    if "audience" in scope:
        raise Refusal(
            "scope_audience", "A rule cannot be about an audience: audiences come with campaigns. Take a category.",
            field="scope.audience",
        )  # fmt: skip
    return Wanted(
        name=data["name"], keep_for=data["keep_for"], event=data["from"], action=data["action"],
        **{name: scope.get(name, "") for name in SCOPE},
    )  # fmt: skip


def _told(found: simulation.Result) -> dict[str, Any]:
    return {
        "matched": found.matched, "held": found.held, "oldest": _iso(found.oldest), "newest": _iso(found.newest),
        "bytes": found.size, "samples": [_sample(one) for one in found.samples], "looked_at": found.looked_at,
        "estimate": found.is_estimate, "sooner": found.sooner, "later": found.later, "sooner_if_retroactive": found.freed,
        "overdue_if_retroactive": found.overdue, "needs_second_person": found.needs_second,
        "months": [
            {"month": month, "now": now, "after": after, "retroactive": retroactive}
            for month, (now, after, retroactive) in found.months.items()
        ],
        "decided_by": found.decided,
    }  # fmt: skip


def _sample(one: simulation.Sample) -> dict[str, Any]:
    return {
        "message": str(one.message_id), "kind": one.kind, "category": one.category, "sent_at": _iso(one.sent_at),
        "now": _iso(one.now), "after": _iso(one.after), "retroactive": _iso(one.retroactive),
    }  # fmt: skip


def _iso(at: datetime | None) -> str | None:
    return clock.text(at) if at else None
