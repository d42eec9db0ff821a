"""Campaigns: one text for many. Counts and states of who was written to; never a body, but to simulate."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from archive.api import acts
from messaging.api import answers, paging, serializers
from messaging.api.views import View, given, iso
from messaging.flows import campaign, launch
from messaging.models import Campaign, Run
from messaging.queries import campaigns
from portal.kernel import clock, ids
from portal.kernel.errors import Refusal


def shown(row: Campaign, runs: list[Run], progress: dict[UUID, campaigns.Progress]) -> dict[str, object]:
    """A campaign with its runs, newest first."""
    return {
        "id": str(row.id), "name": campaigns.name_of(row), "state": row.state, "revision": row.revision,
        "audience": str(row.audience_id) if row.audience_id else campaigns.filter_of(row), "category": row.category,
        "format": row.format, "gone_after": row.gone_after, "gone_after_read": row.gone_after_read,
        "tap_to_reveal": row.tap_to_reveal, "send_at": iso(row.send_at), "send_at_local": row.send_at_local or None,
        "repeat": row.repeat or None, "missed": row.missed or None, "created_at": iso(row.created_at),
        "updated_at": iso(row.updated_at), "finished_at": iso(row.finished_at),
        "runs": [shown_run(one, progress.get(one.id, campaigns.Progress())) for one in runs],
    }  # fmt: skip


def shown_run(row: Run, found: campaigns.Progress) -> dict[str, object]:
    return {
        "id": str(row.id), "number": row.number, "state": row.state, "due_at": iso(row.due_at),
        "started_at": iso(row.started_at), "finished_at": iso(row.finished_at), "recipients": row.recipients,
        "excluded": row.excluded, "sent": found.sent, "suppressed": found.suppressed, "failed": found.failed,
        "missed": found.missed, "left": found.left, "asking": found.asking, "rate": found.rate, "next_at": iso(found.next_at),
    }  # fmt: skip


def wanted_of(data: dict[str, Any], before: campaign.Wanted | None = None) -> campaign.Wanted:
    """A checked body as the flow takes it, over the draft as it was."""
    if before and data.get("body") is not None:
        data.setdefault("template", None)
    if before and data.get("template") is not None:
        data.setdefault("body", "")
    data |= {name: tuple(data[name]) for name in ("attachments", "answers") if name in data}
    if "audience" in data:
        data |= _audience(data.pop("audience"))
    return replace(before, **data) if before else campaign.Wanted(**data)


def _audience(named: object) -> dict[str, Any]:
    """The id of a saved one, or a filter itself."""
    if isinstance(named, dict):
        return {"audience": None, "filter": named}
    found = ids.parse_uuid(named) if isinstance(named, str) else None
    if found is None:
        raise Refusal("bad_id", "An audience is an id, or a filter: an empty one is everyone.", field="audience")
    return {"audience": found, "filter": None}


def _one(view: View, campaign_id: UUID) -> dict[str, object]:
    row = campaigns.get_campaign_for(view.actor(), campaign_id)
    return _many([row])[0]


def _many(rows: list[Campaign]) -> list[dict[str, object]]:
    """The newest runs of each; progress of all in one query."""
    runs = campaigns.runs_of([row.id for row in rows])
    progress = campaigns.progress([one.id for found in runs.values() for one in found])
    return [shown(row, runs.get(row.id, []), progress) for row in rows]


class Campaigns(View):
    @extend_schema(
        responses=answers.CampaignList, tags=["campaigns"],
        parameters=[OpenApiParameter(name, str) for name in ("state", "limit", "cursor")],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        rows = campaigns.get_campaigns_for(self.actor(), state=request.query_params.get("state", ""))
        return Response(paging.page(request, rows, _many))

    @extend_schema(request=serializers.CampaignInput, responses={201: answers.Campaign}, tags=["campaigns"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        data = given(serializers.CampaignInput, request)
        if data.get("body") is None and data.get("template") is None:
            raise Refusal("empty_body", "The message is empty. Write something.", field="body")
        saved = campaign.create(actor=self.actor(), now=now, wanted=wanted_of(data))
        return Response(_one(self, saved.id), status=201)


class OneCampaign(View):
    @extend_schema(responses=answers.Campaign, tags=["campaigns"])
    def get(self, request: Request, campaign_id: UUID) -> Response:
        return Response(self.with_counts(campaign_id, clock.now()))

    @extend_schema(request=serializers.CampaignChange, responses=answers.Campaign, tags=["campaigns"])
    def patch(self, request: Request, campaign_id: UUID) -> Response:
        now, data = clock.now(), given(serializers.CampaignChange, request)
        revision = data.pop("revision")
        before = campaign.read(actor=self.actor(), now=now, campaign_id=campaign_id)
        wanted = wanted_of(data, before)
        campaign.change(actor=self.actor(), now=now, campaign_id=campaign_id, revision=revision, wanted=wanted)
        return Response(_one(self, campaign_id))

    def with_counts(self, campaign_id: UUID, now: datetime) -> dict[str, object]:
        """The counts are of the newest run that has begun."""
        newest = campaigns.get_run_for(self.actor(), campaign_id, None)
        found = campaigns.counts(newest, now=now) if newest else campaigns.Counts()
        return {**_one(self, campaign_id), "counts": found.states, "reasons": found.reasons}


class Recipients(View):
    @extend_schema(
        responses=answers.RecipientList, tags=["campaigns"],
        parameters=[OpenApiParameter(name, str) for name in ("run", "state", "limit", "cursor")],
    )  # fmt: skip
    def get(self, request: Request, campaign_id: UUID) -> Response:
        """The ledger of a run: one row a customer, which says what became of their message."""
        self.actor().require("message.view")
        limit, cursor = paging.limit_of(request), request.query_params.get("cursor")
        found = campaigns.get_run_for(self.actor(), campaign_id, paging.uuid_of(request, "run"))
        if found is None:
            return Response({"results": [], "next": None})
        rows = campaigns.ledger(
            found, now=clock.now(), after=_after(cursor) if cursor else campaigns.FIRST, limit=limit + 1,
            state=request.query_params.get("state", ""),
        )  # fmt: skip
        following = _cursor(rows[limit - 1].customer) if len(rows) > limit else None
        return Response({"results": [_line(one) for one in rows[:limit]], "next": following})


def _line(one: campaigns.Line) -> dict[str, object]:
    told = asdict(one)
    times = {name: iso(at) for name, at in told.items() if name.endswith("_at")}
    message = str(one.message) if one.message else None
    return told | times | {"customer": str(one.customer), "message": message, "reason": one.reason or None}


def _cursor(last: UUID) -> str:
    return urlsafe_b64encode(last.bytes).rstrip(b"=").decode()


def _after(raw: str) -> UUID:
    try:
        return UUID(bytes=urlsafe_b64decode(raw + "=="))
    except ValueError as error:
        raise Refusal("bad_cursor", "That cursor is not one of ours.", field="cursor") from error


class Simulate(View):
    @extend_schema(request=None, responses=answers.Simulation, tags=["campaigns"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        found = launch.simulate(actor=self.actor(), now=now, campaign_id=kwargs["campaign_id"])
        samples = [
            {
                "customer": str(one.customer),
                "name": one.name,
                "subject": one.subject,
                "body": one.body,
                "answers": list(one.answers),
                "problem": one.problem or None,
            }
            for one in found.samples
        ]
        counted = {"recipients": found.count.recipients, "excluded": found.count.excluded, "untold": found.count.untold}
        problems = [asdict(one) for one in found.problems]
        return Response({**counted, "problems": problems, "samples": samples})


class Start(View):
    """Schedule and send: 202, with the request where a second person has to agree."""

    flow = staticmethod(launch.schedule)

    @extend_schema(request=serializers.StartInput, responses={202: answers.Campaign}, tags=["campaigns"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        data = given(serializers.StartInput, request)
        started = self.flow(actor=self.actor(), now=now, campaign_id=kwargs["campaign_id"], **data)
        if started.approval is not None:
            return acts.approving(started.approval)
        return Response(_one(self, kwargs["campaign_id"]), status=202)


class Send(Start):
    flow = staticmethod(launch.send)


class Pause(View):
    """Pause, resume, cancel and resend: 202, and the campaign as it is then."""

    flow: Any = staticmethod(campaign.pause)

    @extend_schema(request=None, responses={202: answers.Campaign}, tags=["campaigns"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        self.flow(actor=self.actor(), now=now, campaign_id=kwargs["campaign_id"])
        return Response(_one(self, kwargs["campaign_id"]), status=202)


class Resume(Pause):
    flow = staticmethod(campaign.resume)


class Cancel(Pause):
    flow = staticmethod(campaign.cancel)


class Resend(Pause):
    flow = staticmethod(campaign.resend)
