"""Health, answered before any host or business is looked at: it must work when nothing else does.

/healthz   this process answers
/readyz    database, migrations, keys, wake-ups, workers and clock, queue, clock skew; 503 while one of them fails. Which one is
           told to whoever holds EBB_METRICS_KEY, and in a demo; anybody else learns the state alone
/metrics   the same figures for Prometheus, for whoever holds EBB_METRICS_KEY

Anybody may ask, so however many do, what there is to find is looked for once a second.
"""

import hmac
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from smtplib import SMTPException

import psycopg
from django.conf import settings
from django.core.mail import get_connection
from django.core.mail.backends.smtp import EmailBackend
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from portal.kernel import clock, heartbeat, keys, notify, wake
from portal.kernel.errors import Kind, Refusal
from portal.web import headers, problems

log = logging.getLogger("ebb.health")
SKEW_LIMIT = 2.0  # seconds between this host and PostgreSQL
DATABASE_WITHIN = 2  # seconds to connect
FRESH_FOR = 1.0  # seconds
LAG_LIMIT = 60.0  # seconds that the oldest waiting job may be old
Next = Callable[[HttpRequest], HttpResponseBase]


@dataclass(frozen=True)
class Finding:
    """What one check found. `value` is a number for Prometheus; a warning does not make the process unready."""

    state: str = "ok"  # ok, warning or failing
    about: str = ""
    value: float | None = None


class HealthMiddleware:
    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        door = DOORS.get(request.path)
        return self.get_response(request) if door is None else headers.dress(door(request))


def alive(request: HttpRequest) -> HttpResponseBase:
    return JsonResponse({"state": "ok"})


def ready(request: HttpRequest) -> HttpResponseBase:
    found = _once_a_second()
    failing = any(finding.state == "failing" for finding in found.values())
    told: dict[str, object] = {"state": "failing" if failing else "ok"}
    if settings.EBB_DEMO or _holds_key(request):
        told["checks"] = {name: _told(finding) for name, finding in found.items()}
    return JsonResponse(told, status=503 if failing else 200)


def metrics(request: HttpRequest) -> HttpResponseBase:
    if not _holds_key(request):
        return problems.problem(Refusal("unauthenticated", "Metrics need their key.", Kind.UNAUTHENTICATED))
    return HttpResponse(_prometheus(_once_a_second()), content_type="text/plain; version=0.0.4; charset=utf-8")


def _holds_key(request: HttpRequest) -> bool:
    wanted = settings.EBB_METRICS_KEY
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return bool(wanted) and hmac.compare_digest(given.encode(), wanted.encode())


DOORS = {"/healthz": alive, "/readyz": ready, "/metrics": metrics}


def findings() -> dict[str, Finding]:
    """Every check, each on its own: one that breaks is a finding, not the end of the others. While the database is away
    nothing else that asks it is tried: each would wait for it in turn, and the answer come after whoever asked has left."""
    found = {"database": _run("database", _database)}
    is_away = found["database"].state == "failing"
    for name, check in CHECKS.items():
        if name not in found:
            found[name] = AWAY if is_away and name not in NEEDS_NO_DATABASE else _run(name, check)
    return found


_looking = threading.Lock()  # those who ask while somebody looks wait for what is found
_found: tuple[float, dict[str, Finding]] = (0.0, {})


def _once_a_second() -> dict[str, Finding]:
    global _found
    with _looking:
        if time.monotonic() >= _found[0]:
            found = findings()
            _found = (time.monotonic() + FRESH_FOR, found)
        return _found[1]


def forget() -> None:
    """For tests that change something and look at once."""
    global _found
    _found = (0.0, {})


def _run(name: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except Exception as error:
        log.warning("check_failed", extra={"name_of": name}, exc_info=error)
        return Finding("failing", "This check could not be made; the log names why.")


def _database() -> Finding:
    """By a connection of its own: the pool's callers wait for ten seconds when the server is away."""
    started = time.perf_counter()
    with psycopg.connect(notify.dsn(), connect_timeout=DATABASE_WITHIN) as asked:
        asked.execute("SELECT 1")
    return Finding(value=time.perf_counter() - started)


def _migrations() -> Finding:
    """`public` only; each business carries a fingerprint that provisioning compares."""
    loader = MigrationLoader(connection)
    shared = {app.split(".")[-1] for app in settings.SHARED_APPS}
    missing = [key for key in loader.disk_migrations if key[0] in shared and key not in loader.applied_migrations]
    if missing:
        return Finding("failing", "Migrations are missing: run manage.py migrate_all.", len(missing))
    return Finding(value=0)


def _keyring() -> Finding:
    keys.keyring().probe()
    return Finding()


def _wake() -> Finding:
    return Finding(value=wake.health(timeout=2.0).round_trip)


def _process(name: str) -> Callable[[], Finding]:
    def check() -> Finding:
        age = heartbeat.ages()[name]
        if heartbeat.is_fresh(age):
            return Finding(value=age)
        return Finding("failing", f"No sign of life from the {name}: start it, or see its log.", age)

    return check


def _queue() -> Finding:
    """How long the oldest job has waited; jobs in work are locked into the future."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), coalesce(extract(epoch FROM now() - min(lock)), 0) FROM django_q_ormq WHERE lock <= now()"
        )
        _, lag = cursor.fetchone()
    about = "" if lag < LAG_LIMIT else "Jobs wait too long: are enough workers running?"
    return Finding("warning" if about else "ok", about, float(lag))


def _skew() -> Finding:
    started = time.time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        theirs = float(cursor.fetchone()[0])
    skew = theirs - (started + time.time()) / 2
    about = "" if abs(skew) < SKEW_LIMIT else "This host and PostgreSQL disagree about the time: set up NTP on both."
    return Finding("failing" if about else "ok", about, skew)


def _time() -> Finding:
    """Behind the keyring's mark time runs on from there: this host's clock was once ahead, or is set back."""
    ahead = (clock.now() - clock.wall()).total_seconds()
    about = "" if ahead < SKEW_LIMIT else "This host's clock is behind the time that was seen already: set up NTP."
    return Finding("warning" if about else "ok", about, ahead)


AWAY = Finding("failing", "Not asked: the database is away.")
NEEDS_NO_DATABASE = frozenset({"keyring", "time"})
CHECKS: dict[str, Callable[[], Finding]] = {
    "database": _database,
    "migrations": _migrations,
    "keyring": _keyring,
    "wake": _wake,
    "worker": _process("worker"),
    "clock": _process("clock"),
    "queue": _queue,
    "skew": _skew,
    "time": _time,
}


def register(name: str, check: Callable[[], Finding]) -> None:
    """For apps: a check of their own (an app knows what of its keys has a backup; the floor does not)."""
    CHECKS[name] = check


def register_deep(name: str, check: Callable[[], Finding]) -> None:
    """A check that is too slow, or asks too much of others, for every look at /readyz: `doctor` makes it."""
    DEEP[name] = check


def deep_findings() -> dict[str, Finding]:
    return {name: _run(name, check) for name, check in DEEP.items()}


def _mail() -> Finding:
    """Whether the mail server takes a connection, and us. No mail is sent."""
    mailer = get_connection()
    if not isinstance(mailer, EmailBackend):
        return Finding(about="Mail does not go to a server here.")
    try:
        mailer.open()
        mailer.close()
    except (OSError, SMTPException) as error:
        return Finding(
            "warning", f"The mail server does not take us ({type(error).__name__}): see EBB_SMTP_HOST and _PORT."
        )
    return Finding()


DEEP: dict[str, Callable[[], Finding]] = {"mail": _mail}


def _told(finding: Finding) -> dict[str, object]:
    told: dict[str, object] = {"state": finding.state}
    if finding.value is not None:
        told["value"] = round(finding.value, 6)
    if finding.about:
        told["about"] = finding.about
    return told


def _prometheus(found: dict[str, Finding]) -> str:
    lines = ["# HELP ebb_check_ok 1 unless the check fails.", "# TYPE ebb_check_ok gauge"]
    lines += [f'ebb_check_ok{{check="{name}"}} {int(one.state != "failing")}' for name, one in found.items()]
    lines += ["# HELP ebb_check_value Seconds, or a count, as the check measures.", "# TYPE ebb_check_value gauge"]
    lines += [f'ebb_check_value{{check="{name}"}} {one.value}' for name, one in found.items() if one.value is not None]
    return "\n".join(lines) + "\n"
