"""Jobs: a row in the broker's table, in the same transaction as the state it serves. Ids only, never content.

State rows are the truth and a job is a hint: a job that runs twice, late or not at all may only cost time.
"""

import importlib
import logging
from typing import Literal
from uuid import UUID

from django_q.tasks import async_task

from portal.kernel import tenancy
from portal.kernel.errors import Kind, Refusal

log = logging.getLogger("ebb.jobs")
Queue = Literal["urgent", "bulk", "notices", "hooks"]


class JobFailed(Exception):
    """Which job it was. The queue keeps what a job raised, in its table and in its log, with all words of it and of its causes (a
    database repeats values in them): it gets this instead, and our log the classes and places."""


def enqueue(name: str, *ids: UUID, queue: Queue = "urgent") -> None:
    """Run `app.jobs.name(*ids)` for the business at hand, soon. Call it inside a unit: it commits or vanishes with it."""
    _check(name)
    async_task(
        "portal.kernel.jobs.run", tenancy.here().id.hex, name, *[str(i) for i in ids],
        cluster=queue, task_name=name,
    )  # fmt: skip


def run(business: str, name: str, *ids: str) -> None:
    """The runner's side."""
    try:
        carry_out(business, name, *ids)
    except Exception as error:
        log.error("job_failed", extra={"job": name}, exc_info=error)
        raise JobFailed(name) from None


def carry_out(business: str, name: str, *ids: str) -> None:
    """Find the business, enter it, call the job, leave. A business that is gone ends its jobs."""
    _check(name)
    place = tenancy.directory().by_id(UUID(business))
    if place is None:
        return
    module, _, function = name.rpartition(".")
    with tenancy.tenant_scope(place):
        getattr(importlib.import_module(module), function)(*[UUID(i) for i in ids])


def _check(name: str) -> None:
    """Only functions of a `jobs` module: a forged row of the queue cannot name anything else."""
    if name.count(".") < 2 or name.split(".")[-2] != "jobs":
        raise Refusal("unknown_job", "There is no such job.", Kind.INVALID)


def enqueue_platform(name: str, *ids: UUID, queue: Queue = "urgent") -> None:
    """A job of the platform itself, for no business: provisioning, before there is anything to enter."""
    _check(name)
    async_task("portal.kernel.jobs.run_platform", name, *[str(i) for i in ids], cluster=queue, task_name=name)


def run_platform(name: str, *ids: str) -> None:
    try:
        _check(name)
        module, _, function = name.rpartition(".")
        getattr(importlib.import_module(module), function)(*[UUID(i) for i in ids])
    except Exception as error:
        log.error("job_failed", extra={"job": name}, exc_info=error)
        raise JobFailed(name) from None
