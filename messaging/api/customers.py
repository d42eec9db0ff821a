"""Customers and their enrolments."""

from datetime import datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from messaging.api import answers, paging, serializers
from messaging.api.views import View, given, iso
from messaging.flows import consent, customer, enrolment, factor
from messaging.models import Customer
from messaging.queries import audiences, consents, customers, profiles
from portal.kernel import clock

ASKED = ("reference", "phone", "email", "tag")


def shown(row: Customer) -> dict[str, object]:
    profile = profiles.open_(row.id, row.sealed_profile)
    return {
        "id": str(row.id), "reference": profile.reference, "name": profile.name, "email": profile.email,
        "phone": profile.phone, "language": row.language, "time_zone": row.time_zone,
        "tags": profile.tags, "fields": profile.fields, "state": row.state, "created_at": iso(row.created_at),
        "consent": [_consent(one) for one in consents.open_all(row.consents.all())],
    }  # fmt: skip


def _consent(one: consents.Given) -> dict[str, object]:
    return {
        "purpose": one.purpose, "channel": one.channel, "source": one.source, "at": iso(one.at), "given": one.is_given,
        "wording": one.wording,
    }  # fmt: skip


def details(data: dict[str, Any]) -> customer.Details:
    given_now = tuple(consent.Given(**one) for one in data.pop("consent", []))
    return customer.Details(**data, consent=given_now)


class Customers(View):
    @extend_schema(
        responses=answers.CustomerList, tags=["customers"],
        parameters=[OpenApiParameter(name, str) for name in (*ASKED, "audience", "limit", "cursor")],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        asked = {name: request.query_params.get(name, "") for name in ASKED}
        rows = customers.get_customers_for(self.actor(), **asked).prefetch_related("consents")
        if (audience_id := paging.uuid_of(request, "audience")) is not None:
            rows = audiences.within(rows, audiences.get_audience_for(self.actor(), audience_id).filter)
        return Response(paging.page(request, rows, lambda found: [shown(row) for row in found]))

    @extend_schema(request=serializers.CustomerInput, responses={201: answers.Customer}, tags=["customers"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        made = customer.create(actor=self.actor(), now=now, details=details(given(serializers.CustomerInput, request)))
        return Response(shown(Customer.objects.get(id=made)), status=201)


class OneCustomer(View):
    @extend_schema(responses=answers.Customer, tags=["customers"])
    def get(self, request: Request, customer_id: UUID) -> Response:
        return Response(shown(customers.get_customer_for(self.actor(), customer_id)))

    @extend_schema(request=serializers.CustomerInput, responses=answers.Customer, tags=["customers"])
    def patch(self, request: Request, customer_id: UUID) -> Response:
        changes = details(given(serializers.CustomerInput, request))
        customer.change(actor=self.actor(), now=clock.now(), customer_id=customer_id, details=changes)
        return Response(shown(customers.get_customer_for(self.actor(), customer_id)))

    @extend_schema(responses={200: answers.Erasure}, tags=["customers"])
    def delete(self, request: Request, customer_id: UUID) -> Response:
        erased = customer.erase(actor=self.actor(), now=clock.now(), customer_id=customer_id)
        return Response(
            {"id": str(erased.customer_id), "state": "erased", "live_messages_ended": erased.live_messages,
             "archive_keeps_records": erased.archive_keeps, "held_records": erased.held_records, "archive": _kept(erased)}
        )  # fmt: skip


def _kept(erased: customer.Erased) -> str:
    kept = "Sealed records stay in the archive as long as its rules and holds say."
    held = f" {erased.held_records} of them are under a legal hold and name this customer until it ends."
    return (kept + (held if erased.held_records else "")) if erased.archive_keeps else ""


class Passphrase(View):
    """Taken, never given back."""

    @extend_schema(
        request=serializers.PassphraseInput, responses={200: {"type": "object", "maxProperties": 0}}, tags=["customers"]
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        words = given(serializers.PassphraseInput, request)["passphrase"]
        factor.set_passphrase(actor=self.actor(), now=now, customer_id=kwargs["customer_id"], passphrase=words)
        return Response({})


class Enrolments(View):
    @extend_schema(request=serializers.EnrolmentInput, responses={201: answers.Enrolment}, tags=["customers"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        data = given(serializers.EnrolmentInput, request)
        issued = enrolment.issue(
            actor=self.actor(), now=now, customer_id=kwargs["customer_id"], send_by=data.get("send_by"),
            grant=enrolment.Grant(data["relation"], data["until"]),
        )  # fmt: skip
        return Response(answers.enrolment(issued, request), status=201)
