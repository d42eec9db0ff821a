"""Whatever fails, and however it is told, no word of it reaches a log: only what the list of fields allows."""

import io
import json
import logging
import queue
import secrets
from multiprocessing import Value

import pytest
from django.db import connection
from django.test import Client
from django_q.brokers import get_broker
from django_q.models import Task
from django_q.monitor import monitor
from django_q.worker import worker

from messaging import jobs as messaging_jobs
from messaging.models import Customer
from portal.kernel import clock, ids
from portal.kernel.errors import Refusal
from portal.sealing.errors import SealingError
from portal.testing import browser
from portal.web import logs

CANARY = "kqzvlog" + secrets.token_hex(12)


@pytest.fixture
def written():
    """The root's own handler, writing here; every logger comes to it."""
    out, handler = io.StringIO(), logging.StreamHandler()
    handler.setFormatter(logs.Formatter())
    handler.setStream(out)
    root = logging.getLogger()
    root.addHandler(handler)
    yield out
    root.removeHandler(handler)


def lines(out) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def _parse():
    json.loads(f'{{"{CANARY}": ')


def _refuse():
    raise Refusal("odd", CANARY, field=CANARY)


def _seal():
    raise SealingError(CANARY)


def _unknown_column():
    Customer.objects.extra(where=[f"{CANARY} = 1"]).first()


def _value():
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::int", [CANARY])


def _chain():
    try:
        int(CANARY)
    except ValueError as error:
        raise LookupError(CANARY) from error


def _group():
    raise ExceptionGroup(CANARY, [ValueError(CANARY), KeyError(CANARY)])


def _bytes():
    (CANARY.encode() + b"\xff").decode()


def _noted():
    error = OSError(2, CANARY, CANARY)
    error.add_note(CANARY)
    raise error


FAILURES = [_parse, _refuse, _seal, _unknown_column, _value, _chain, _group, _bytes, _noted]


@pytest.mark.parametrize("fail", FAILURES, ids=lambda one: one.__name__)
@pytest.mark.parametrize("whose", ["ebb.web", "django.db.backends", "django_q", "uvicorn.error", "asyncio"])
def test_an_exceptions_words_stay_out(acme, written, fail, whose):
    log = logging.getLogger(whose)
    with acme.inside():
        try:
            fail()
        except BaseException:
            log.exception("failed", extra={"code": "odd", "body": CANARY, "email": CANARY})
    (line,) = [one for one in lines(written) if one["event"] == "failed"]
    assert CANARY not in written.getvalue()
    assert line["code"] == "odd"
    assert line["error"], "a fault that is not told helps nobody"
    assert line["business"] == acme.place.id.hex


def test_arguments_stacks_and_other_fields_stay_out(written):
    log = logging.getLogger("somebody.elses")
    log.error("could not send %s", CANARY)
    log.error("sent %(body)s", {"body": CANARY})
    log.error("where", stack_info=True, extra={"text": CANARY, "subject": CANARY, "args_of": CANARY})
    assert CANARY not in written.getvalue()
    assert [one["event"] for one in lines(written)][:2] == ["could not send %s", "sent %(body)s"]
    assert all("Stack" not in str(one) for one in lines(written))


def test_what_is_allowed_is_there_and_short(written):
    logging.getLogger("ebb.jobs").warning("job_failed", extra={"job": "x" * 1000, "ms": 12, "count": None})
    (line,) = lines(written)
    assert (line["event"], line["level"], line["logger"], line["ms"], line["count"]) == (
        "job_failed", "warning", "ebb.jobs", 12, None,
    )  # fmt: skip
    assert len(line["job"]) == logs.LONGEST
    assert set(line) <= logs.FIELDS | {"at", "level", "logger", "event", "error", "business"}


def _through_the_queue(runner: str, *args: str) -> None:
    """A worker's and a monitor's turn, in this process."""
    task = {
        "id": secrets.token_hex(8),
        "name": "odd",
        "func": runner,
        "args": args,
        "kwargs": {},
        "started": clock.now(),
    }
    waiting, done = queue.Queue(), queue.Queue()
    waiting.put(task)
    waiting.put("STOP")
    worker(waiting, done, Value("f", -1))
    done.put("STOP")
    monitor(done, get_broker())


@pytest.mark.parametrize("fail", FAILURES, ids=lambda one: one.__name__)
def test_a_job_that_fails_leaves_its_words_nowhere(acme, written, monkeypatch, fail):
    """The queue itself would keep them in its table, and write them to its log."""

    def job(*ids):
        with acme.inside():
            fail()

    monkeypatch.setattr(messaging_jobs, "odd", job, raising=False)
    for runner, given in (("run", (acme.place.id.hex,)), ("run_platform", ())):
        _through_the_queue(f"portal.kernel.jobs.{runner}", *given, "messaging.jobs.odd")
        kept = Task.objects.filter(name="odd")
        assert "JobFailed" in kept.get().result
        assert CANARY not in kept.get().result
        kept.delete()
    assert CANARY not in written.getvalue()
    told = [one for one in lines(written) if one["event"] == "job_failed"]
    assert len(told) == 2
    assert all(one["job"] == "messaging.jobs.odd" and one["error"] for one in told)


def test_every_process_logs_through_it(settings):
    assert settings.LOGGING["root"]["handlers"] == ["stderr"]
    assert settings.LOGGING["handlers"]["stderr"]["formatter"] == "ebb"
    assert [type(one.formatter) for one in logging.getLogger().handlers if one.__class__ is logging.StreamHandler] in (
        [], [logs.Formatter],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("Task exception was never retrieved\nfuture: <Task exception=ValueError('{}')>", "Task exception was never retrieved"),
        ("Exception in callback Reader.take('{}')", "Exception in callback Reader.take"),
        ("Executing <Task exception=ValueError('{}')> took 0.2 seconds", "Executing"),
    ],
)  # fmt: skip
def test_what_asyncio_writes_into_its_templates_is_not_told(written, told, kept):
    logging.getLogger("asyncio").error(told.format(CANARY))
    assert [one["event"] for one in lines(written)] == [kept]
    assert CANARY not in written.getvalue()


def test_of_what_is_no_text_the_class_is_told(written):
    logging.getLogger("elsewhere").error(ValueError(CANARY))
    assert [one["event"] for one in lines(written)] == ["ValueError"]


def test_each_request_is_a_line_without_anything_of_it(written, acme):
    """Not its address, which holds ids and tokens; nor what was sent, nor who asks from where."""
    client = browser.staff(acme, "author")
    written.truncate(0), written.seek(0)
    client.get(f"/console/messages/{ids.uuid7()}/?q={CANARY}", headers={"user-agent": CANARY, "x-request-id": CANARY})
    client.get(f"/console/invited/{CANARY}")
    client.post("/console/sign-in/", {"login": f"{CANARY}@a.example", "password": CANARY})
    client.generic(CANARY.upper(), f"/{CANARY}")
    told = [line for line in lines(written) if line["event"] == "request"]
    assert [(line["method"], line["route"], line["status"]) for line in told] == [
        ("GET", "console/messages/<uuid:message_id>/", 404), ("GET", "console/invited/<str:token>", 404),
        ("POST", "console/sign-in/", 302), ("other", "", 404),
    ]  # fmt: skip
    assert {line["business"] for line in told} == {acme.place.id.hex}
    assert all(line["ms"] >= 0 for line in told)
    assert CANARY.lower() not in written.getvalue().lower()


def test_what_a_middleware_refuses_is_told_too(written):
    Client(HTTP_HOST=f"{CANARY}.localhost").get(f"/{CANARY}")
    [line] = [line for line in lines(written) if line["event"] == "request"]
    assert (line["route"], line["status"], "business" in line) == ("", 404, False)
    assert CANARY not in written.getvalue()
