"""Files at the desk: put beside a message that is being written, and looked at where a message is read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.http import require_POST

from messaging.flows import attachment, download
from messaging.pages import sending
from portal.kernel import clock, ids
from portal.web import guards


@guards.staff("message.send")
@require_POST
def upload(request: HttpRequest) -> HttpResponseBase:
    """For the script of a form. Without one the form brings its files along."""
    given = request.FILES.getlist("file")
    if len(given) != 1:
        raise attachment.one_file()
    made = put(request, clock.now(), given)[0]
    return JsonResponse(attachment.waiting(actor=request.actor, now=clock.now(), wanted=[made])[0], status=201)


@guards.staff("message.view")
@require_POST
def show(request: HttpRequest, message_id: UUID, file_id: UUID) -> HttpResponseBase:
    """A POST: for whoever did not write the message, looking is an entry."""
    return sending.answer(
        request, download.to_staff(actor=request.actor, now=clock.now(), message_id=message_id, file_id=file_id)
    )


def put(request: HttpRequest, now: datetime, given: Sequence[Any]) -> list[UUID]:
    return [attachment.upload(actor=request.actor, now=now, name=one.name or "", data=one.read()).id for one in given]


def chosen(request: HttpRequest, now: datetime) -> tuple[UUID, ...]:
    """What a form names, and what it brings along: taken up here, so that it survives a form that is drawn again."""
    named = [pk for raw in request.POST.getlist("attachments") if (pk := ids.parse_uuid(raw))]
    return (*named, *put(request, now, request.FILES.getlist("files")))


def waiting(request: HttpRequest, now: datetime, wanted: Sequence[UUID]) -> list[dict[str, object]]:
    return attachment.waiting(actor=request.actor, now=now, wanted=wanted)
