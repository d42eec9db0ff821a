"""Campaigns: written, changed, read; stopped, taken up again, called off, sent again to those it failed for.

Who starts one is in `launch`, what is sent and when in `run` and `chunk`. Every act here takes the campaign's lock first and its
runs' after it, checks the state (`rules.campaign`), and leaves an entry. What a pause or a cancel answers is true: a chunk that is
under way then is either committed before the entry, or not at all (`chunk`, C3).
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import F

from archive.flows import approval
from messaging.flows import attachment, body, campaigntext, recipient, run
from messaging.models import Audience, Campaign, Run, RunChunk, RunRecipient
from messaging.queries import campaigns, policy, templates
from messaging.rules import campaign as rules
from messaging.rules import compose, files, filters, recurrence, schedule, template, wording
from portal.kernel import ids, keys, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal, not_found

NAME_LIMIT = 120
LAST_ON_EARTH = ZoneInfo("Etc/GMT+12")  # where a day is over last


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A draft as its author describes it. An `audience` is a saved one, or a `filter` of its own. The words are a `body`, with
    variables or without, or those of a `template` as it is when the draft is saved; they may still be missing. At most one of
    `send_at` and `send_at_local`; `repeat` needs one of them."""

    name: str
    audience: UUID | None = None
    filter: dict[str, Any] | None = None
    body: str = ""
    template: UUID | None = None
    subject: str = ""
    format: str = "text"
    gone_after: int | None = None
    gone_after_read: int | None = None
    tap_to_reveal: bool = False
    category: str = ""
    send_at: datetime | None = None
    send_at_local: str = ""
    repeat: str = ""
    missed: str = ""
    attachments: tuple[UUID, ...] = ()  # uploads of who saves it, and files that it has already
    answers: tuple[str, ...] = ()  # offered as buttons, to everybody


@dataclass(frozen=True, slots=True)
class Saved:
    id: UUID
    revision: int


def create(*, actor: Actor, now: datetime, wanted: Wanted) -> Saved:
    actor.require("message.send")
    text = _checked(wanted, now)
    row = Campaign(id=ids.uuid7(), author=actor.label, created_at=now)
    with unit.work() as u:
        _fill(row, wanted, text, _files(actor, now, wanted, []), now)
        row.save(force_insert=True)
        u.entry(draft("campaign.created", actor, row))
    return Saved(row.id, row.revision)


def change(*, actor: Actor, now: datetime, campaign_id: UUID, revision: int, wanted: Wanted) -> Saved:
    """Save a draft. Who saves what somebody else changed meanwhile is told, and nothing is lost."""
    actor.require("message.send")
    text = _checked(wanted, now)
    with unit.work() as u:
        row = locked(campaign_id)
        rules.check("change", row.state)
        if row.revision != revision:
            raise Refusal(
                "campaign_changed", "Somebody else saved this campaign meanwhile. Look at theirs, then save again.",
                Kind.CONFLICT, revision=row.revision,
            )  # fmt: skip
        _fill(row, wanted, text, _files(actor, now, wanted, campaigntext.files(row, now)), now)
        row.revision += 1
        row.save()
        u.entry(draft("campaign.changed", actor, row, revision=row.revision))
    return Saved(row.id, row.revision)


def read(*, actor: Actor, now: datetime, campaign_id: UUID) -> Wanted:
    """A campaign with its words. Once it was sent these are live words: whoever is not its author leaves an entry (I9)."""
    row = campaigns.get_campaign_for(actor, campaign_id)
    content = campaigntext.read(row, now)
    is_live = Run.objects.filter(campaign=row, started_at__isnull=False).exists()
    if actor.label != row.author and not is_live:
        check_may_read(actor, row)
    elif actor.label != row.author:
        actor.require("message.read_live")
        with unit.work() as u:
            u.entry(draft("live.read", actor, row))
    named, answers = ids.parse_uuid(content["template"]), cast("list[str]", content.get("answers", []))
    text = wording.from_json(cast("dict[str, Any]", content["text"])).texts[wording.DEFAULT] if not named else None
    own_filter = campaigns.filter_of(row) if row.sealed_filter is not None else None
    return Wanted(
        name=campaigns.name_of(row), audience=row.audience_id, filter=own_filter, body=text.body if text else "",
        template=named, subject=text.subject if text else str(content["subject"]), format=row.format,
        gone_after=row.gone_after, gone_after_read=row.gone_after_read, tap_to_reveal=row.tap_to_reveal,
        category=row.category, send_at=row.send_at, send_at_local=row.send_at_local, repeat=row.repeat, missed=row.missed,
        attachments=tuple(UUID(one["id"]) for one in campaigntext.files(row, now)), answers=tuple(answers),
    )  # fmt: skip


def may_read(actor: Actor, row: Campaign) -> bool:
    """Who writes campaigns; and who is asked to agree to this one, while they are asked."""
    asked = actor.may("campaign.approve") and row.state == Campaign.State.APPROVING
    return asked or actor.may("message.send")


def check_may_read(actor: Actor, row: Campaign) -> None:
    if not may_read(actor, row):
        actor.require("message.send")


def files_of(*, actor: Actor, now: datetime, campaign_id: UUID) -> list[dict[str, object]]:
    """The files of a draft, or of one's own campaign, as a page names them: never with a key."""
    row = campaigns.get_campaign_for(actor, campaign_id)
    check_may_read(actor, row)
    is_open = row.state in {Campaign.State.DRAFT, Campaign.State.APPROVING} or row.author == actor.label
    return files.shown(campaigntext.files(row, now)) if is_open else []


# ── stopping and going on ─────────────────────────────────────────────────────────────────────────────────────────────
def pause(*, actor: Actor, now: datetime, campaign_id: UUID) -> None:
    """Nothing more is sent until it is taken up again, and nothing new begins."""
    actor.require("message.send")
    with unit.work() as u:
        row = locked(campaign_id)
        rules.check("pause", row.state)
        run.stop(row)
        u.entry(draft("campaign.paused", actor, row))


def resume(*, actor: Actor, now: datetime, campaign_id: UUID) -> None:
    """Go on, also with what a person was asked about. What became due meanwhile is sent now: who resumes wants it."""
    actor.require("message.send")
    with unit.work() as u:
        row = locked(campaign_id)
        rules.check("resume", row.state)
        paused = list(Run.objects.select_for_update().filter(campaign=row, state=Run.State.PAUSED).order_by("id"))
        for one in paused:
            _go_on(one, now)
        row.state = Campaign.State.RUNNING if any(one.started_at for one in paused) else Campaign.State.SCHEDULED
        row.save(update_fields=["state"])
        u.entry(draft("campaign.resumed", actor, row))
        run.ask(u, [one.id for one in paused if one.due_at <= now], now)


def _go_on(one: Run, now: datetime) -> None:
    if one.started_at is None:
        one.state, one.due_at = Run.State.WAITING, max(one.due_at, now)
    else:
        one.state = Run.State.RUNNING
        chunks = RunChunk.objects.filter(run_id=one.id)
        chunks.filter(state=RunChunk.State.ASKING).update(state=RunChunk.State.READY)
        chunks.filter(state=RunChunk.State.WAITING, due_at__lte=now).update(state=RunChunk.State.READY)
    one.save(update_fields=["state", "due_at"])
    if one.state == Run.State.WAITING:
        recipient.wake_at(one.due_at)


def cancel(*, actor: Actor, now: datetime, campaign_id: UUID) -> None:
    """Nothing more is sent, for good; what was sent stays sent. A draft is thrown away."""
    actor.require("message.send")
    with unit.work() as u:
        approval.moot(actor=actor, now=now, kind=rules.SEND, target=campaign_id)
        row = locked(campaign_id)
        rules.check("cancel", row.state)
        active = list(Run.objects.select_for_update().filter(campaign=row).active().order_by("id"))
        Run.objects.filter(id__in=[one.id for one in active]).update(state=Run.State.CANCELLED, finished_at=now)
        progress = campaigns.progress(one.id for one in active)
        left = sum(found.left for found in progress.values())
        row.state, row.finished_at = Campaign.State.CANCELLED, now
        campaigntext.end_at(row, now, run.last_end(row, now))
        row.save(update_fields=["state", "finished_at", *campaigntext.FIELDS])
        u.entry(draft("campaign.cancelled", actor, row, left=left))
        begun = [one for one in active if one.started_at is not None]
        for one in begun:
            one.state = Run.State.CANCELLED
        run.tell_over(now, {one: progress.get(one.id, campaigns.Progress()) for one in begun})


def resend(*, actor: Actor, now: datetime, campaign_id: UUID) -> int:
    """Try again, in the same run, those for whom its newest run failed. Who has a message of this run gets no second one."""
    actor.require("message.send")
    with unit.work() as u:
        row = locked(campaign_id)
        rules.check("resend", row.state)
        newest = (
            Run.objects.select_for_update().filter(campaign=row, started_at__isnull=False).order_by("-number").first()
        )
        if newest is None or newest.state == Run.State.CANCELLED:
            raise _nobody_failed()
        count = _cut_again(newest, now)
        if not count:
            raise _nobody_failed()
        campaigntext.wait_again(row, now)
        newest.state, newest.finished_at = Run.State.RUNNING, None
        newest.save(update_fields=["state", "finished_at"])
        row.state, row.finished_at = Campaign.State.RUNNING, None
        row.save(update_fields=["state", "finished_at", *campaigntext.FIELDS])
        u.entry(draft("campaign.resent", actor, row, run=newest.id, customers=count))
        run.ask(u, [newest.id], now)
    return count


def _cut_again(newest: Run, now: datetime) -> int:
    """Chunks that failed are ready again as they are; single customers get a chunk of their own, at the end."""
    chunks = RunChunk.objects.filter(run_id=newest.id)
    whole = chunks.filter(state=RunChunk.State.FAILED)
    count = sum(whole.values_list("size", flat=True))
    whole.update(state=RunChunk.State.READY, attempts=0, done_at=None)
    single = RunRecipient.objects.filter(run_id=newest.id, outcome=RunRecipient.Outcome.FAILED)
    found = sorted(single.values_list("customer_id", "chunk"))
    if not found:
        return count
    for number in {chunk for _, chunk in found}:  # they leave the chunk they failed in, so that it still adds up
        gone = sum(chunk == number for _, chunk in found)
        chunks.filter(number=number).update(size=F("size") - gone, failed=F("failed") - gone)
    for start in range(0, len(found), run.CHUNK):
        _cut(newest, [pk for pk, _ in found[start : start + run.CHUNK]], now)
    return count + len(found)


def _cut(newest: Run, people: list[UUID], now: datetime) -> None:
    last = RunChunk.objects.filter(run_id=newest.id).order_by("-number").values_list("number", flat=True).first() or 0
    RunChunk.objects.create(
        run_id=newest.id, number=last + 1, state=RunChunk.State.READY, due_at=now, first_id=people[0], last_id=people[-1],
        size=len(people),
    )  # fmt: skip
    RunRecipient.objects.filter(run_id=newest.id, customer_id__in=people).update(chunk=last + 1, outcome="", reason="")


def _nobody_failed() -> Refusal:
    return Refusal("nobody_failed", "There is nobody for whom this campaign failed.", Kind.CONFLICT)


def locked(campaign_id: UUID) -> Campaign:
    row = Campaign.objects.select_for_update().filter(id=campaign_id).first()
    if row is None:
        raise not_found("campaign")
    return row


def draft(kind: str, actor: Actor, row: Campaign, run: UUID | None = None, **codes: str | int | bool) -> unit.Draft:
    """About one of its runs, or about all of it: then it stands in the run's place itself."""
    return unit.Draft(kind, actor.label, run=run or row.id, codes={"campaign": str(row.id), **codes})


# ── what may be saved ─────────────────────────────────────────────────────────────────────────────────────────────────
def _files(actor: Actor, now: datetime, wanted: Wanted, had: attachment.Entries) -> attachment.Entries:
    """Those it has and keeps, and uploads that it takes; stored once, whatever its audience. They are held while the text waits."""
    known = {UUID(one["id"]): one for one in had}
    taker = attachment.Taker(
        actor, now, [pk for pk in wanted.attachments if pk not in known], now + campaigntext.WAITS_FOR
    )
    current = policy.get_policy()
    life = wanted.gone_after or current.categories.get(wanted.category) or current.limits.gone_after
    entries = taker.put_in(wanted.attachments, life, known)
    taker.settle()
    return entries


def _fill(row: Campaign, wanted: Wanted, text: wording.Wording, files: attachment.Entries, now: datetime) -> None:
    row.sealed_name = keys.seal_field(campaigns.NAME, row.id, wanted.name.encode())
    row.audience_id = wanted.audience
    row.sealed_filter = None
    if wanted.filter is not None:
        row.sealed_filter = keys.seal_field(campaigns.FILTER, row.id, json.dumps(wanted.filter).encode())
    named = str(wanted.template) if wanted.template else None
    content: body.Content = {
        "text": wording.to_json(text),
        "template": named,
        "subject": wanted.subject,
        "answers": list(wanted.answers),
        "files": files,
    }
    campaigntext.put(row, content, now)
    for name in ("gone_after", "gone_after_read", "tap_to_reveal", "category", "send_at", "send_at_local", "missed"):
        setattr(row, name, getattr(wanted, name))
    row.format = text.format
    row.repeat = recurrence.parse(wanted.repeat).to_text() if wanted.repeat else ""
    row.updated_at = now


def _checked(wanted: Wanted, now: datetime) -> wording.Wording:
    """Everything that is wrong whenever it is sent. A draft may lack its words."""
    current = policy.get_policy()
    _check_name(wanted.name)
    _check_audience(wanted)
    for name in ("gone_after", "gone_after_read"):
        if (seconds := getattr(wanted, name)) is not None:
            compose.check_life(seconds, current.limits.maximum_gone_after, name)
    if wanted.category and wanted.category not in current.categories:
        raise Refusal("unknown_category", "There is no such category.", field="category")
    if wanted.missed not in {"", *rules.Missed}:
        raise Refusal("bad_missed", "When it is late: send, skip or ask.", field="missed")
    _check_time(wanted, now)
    compose.check_count(wanted.attachments)
    return _wording(wanted)


def _wording(wanted: Wanted) -> wording.Wording:
    """The text in all its languages. A subject and answers that were given stand over the template's."""
    if wanted.template is not None and wanted.body:
        raise Refusal("body_or_template", "A campaign has a text of its own or a template, not both.", field="template")
    compose.check_subject(wanted.subject)
    compose.check_answers(wanted.answers)
    compose.check_format(wanted.format)
    if wanted.template is not None:
        text = templates.compiled(wanted.template).wording
        texts = {
            tag: wording.Text(wanted.subject or one.subject, one.body, wanted.answers or one.answers)
            for tag, one in text.texts.items()
        }
        text = wording.Wording(texts, text.default, text.format, text.variables)
    else:
        own = wording.Text(wanted.subject, wanted.body, wanted.answers)
        text = wording.Wording({wording.DEFAULT: own}, format=wanted.format)
    if wanted.template is not None or wanted.body:
        wording.check(text, () if set(wording.asked(text)) <= set(template.OF_CUSTOMER) else templates.known_fields())
    return text


def _check_audience(wanted: Wanted) -> None:
    if (wanted.audience is None) == (wanted.filter is None):
        raise Refusal(
            "audience_missing", "Say whom it is for: an audience. An empty filter is everyone.", field="audience"
        )
    if wanted.filter is not None:
        filters.check(wanted.filter)
    elif not Audience.objects.filter(id=wanted.audience).exists():
        raise campaigns.no_audience()


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= NAME_LIMIT or "\n" in name or compose.FORBIDDEN.search(name):
        raise Refusal("bad_name", "A name has 1 to 120 characters of one line.", field="name")


def _check_time(wanted: Wanted, now: datetime) -> None:
    if wanted.send_at is not None and wanted.send_at_local:
        raise Refusal("two_times", "Give one time to send: send_at, or send_at_local.", field="send_at_local")
    if wanted.send_at is not None:
        schedule.check_ahead({"": wanted.send_at}, now)
    if wanted.send_at_local:
        wall = schedule.parse_wall(wanted.send_at_local)
        schedule.check_ahead({"": schedule.instant(wall, LAST_ON_EARTH)}, now)
    if wanted.repeat:
        recurrence.parse(wanted.repeat)
        if wanted.send_at is None and not wanted.send_at_local:
            raise Refusal("repeat_needs_time", "Say when it is sent for the first time.", field="repeat")
