"""A business whose schema is gone: every door says so with one code, and nothing is answered or written by `public`, which
PostgreSQL would silently ask next (design 3, 4)."""

import uuid

import httpx
import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.exceptions import MigrationSchemaMissing
from websockets.exceptions import ConnectionClosed, InvalidStatus

from messaging.flows import message
from messaging.queries import messages
from messaging.rules.compose import Compose
from portal.kernel import clock, jobs, tenancy
from portal.kernel.errors import Refusal
from portal.testing.cast import build
from portal.testing.line import Line
from portal.web import problems
from tenants.flows import provision
from tenants.models import Business

GONE = "business_unavailable"
DOORS = [
    ("GET", "/api/v1/customers"), ("GET", "/api/v1/messages"), ("GET", "/api/v1/conversations"), ("GET", "/api/v1/devices"),
    ("GET", "/api/v1/categories"), ("GET", "/api/v1/archive/entries"), ("GET", "/api/v1/archive/checkpoint"),
    ("GET", "/api/v1/archive/key"), ("GET", "/api/v1/archive/tile/0/000"), ("POST", "/api/v1/messages"),
    ("POST", "/api/v1/customers"), ("GET", "/inbox/nonce"), ("POST", "/inbox/enrol"), ("POST", "/inbox/recover"),
    ("POST", "/console/sign-in/"), ("GET", "/console/"),
]  # fmt: skip


def rows(sql: str, *values: object) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else []


def public_tables(business: uuid.UUID) -> dict[str, int]:
    """Every table of `public` and how many rows it has; but for the queue, the cache and the hints, which live, and for what the
    clock of this run writes of other businesses."""
    names = [name for (name,) in rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")]
    still = [n for n in names if not n.startswith(("django_q_", "tenants_cache", "tenants_wakeup"))]
    counts = {name: rows(f'SELECT count(*) FROM public."{name}"')[0][0] for name in still}
    events = rows("SELECT count(*) FROM public.tenants_platformevent WHERE business_id = %s", business)[0][0]
    return dict.fromkeys(names, -1) | counts | {"tenants_platformevent": events}


@pytest.fixture(scope="module")
def lost(house):
    """A business that was at work a moment ago, with a customer, a device and a message; then its schema is dropped."""
    cast = build("lost-house", "Lost House")
    customer = cast.customer(email="lost@example.org")
    phone, sent = cast.handset(customer), cast.send(customer)
    rows(f'DROP SCHEMA "{cast.place.schema}" CASCADE')
    yield cast, customer, phone, sent
    Business.objects.filter(id=cast.place.id).update(state=Business.State.CLOSED)
    tenancy.directory().forget()


@pytest.fixture
def quiet_public(lost):
    """Nothing is written to `public` in the place of a schema that is gone, and nobody leaves a schema set."""
    business = lost[0].place.id
    before = public_tables(business)
    yield
    left = connection.schema_name
    connection.set_schema_to_public()
    assert left == tenancy.PUBLIC, "a door went away and left its schema set"
    assert public_tables(business) == before


def test_no_table_name_exists_in_two_schemas(acme):
    """Asked of the catalog, for tables, views, sequences and indexes alike."""
    shared = rows(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' "
        "INTERSECT SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s",
        acme.place.schema,
    )
    assert {name for (name,) in shared if not name.startswith("django_migrations")} == set()
    tables = rows("SELECT count(*) FROM pg_tables WHERE schemaname = %s", acme.place.schema)[0][0]
    assert tables > 20, f"{tables} tables"  # how many at most: test_house


@pytest.mark.parametrize(("method", "path"), DOORS)
@pytest.mark.usefixtures("quiet_public")
def test_every_http_door_says_so(running, lost, method, path):
    cast, customer, phone, _ = lost
    token = str(uuid.uuid4())
    body = {
        "/api/v1/messages": {"customer": str(customer), "body": "hello"}, "/api/v1/customers": {"name": "New"},
        "/inbox/enrol": phone.enrolment(token), "/inbox/recover": {"to": "lost@example.org"},
    }.get(path)  # fmt: skip
    with running.api(cast) as client:
        client.base_url = f"http://127.0.0.1:{running.port}"
        client.cookies.set("__Host-ebb-device", phone.cookie)
        client.cookies.set("__Host-ebb-session", "a" * 32)
        answer = client.request(method, path, json=body)
    if path == "/console/sign-in/":
        assert answer.status_code in {403, 503}  # 403: without its token a form is not looked at
    else:
        assert answer.status_code == 503, answer.text[:500]
    assert cast.place.schema not in answer.text
    if answer.status_code == 503 and "json" in answer.headers["content-type"]:
        assert answer.json()["code"] == GONE


@pytest.mark.usefixtures("quiet_public")
def test_pages_that_ask_nothing_show_nothing_of_a_business(running, lost):
    """The inbox's shell is the same for everyone: it names the business as `public` knows it, and no more."""
    cast, *_ = lost
    with running.client(cast) as browser:
        answer = browser.get("/inbox/")
    assert answer.status_code in {200, 503}
    assert "lost@example.org" not in answer.text


@pytest.mark.usefixtures("quiet_public")
async def test_the_socket_closes(running, lost):
    _, _, phone, _ = lost
    with pytest.raises((ConnectionClosed, InvalidStatus)) as closed:
        async with Line(running.port, phone):
            pytest.fail("a device came in")
    if isinstance(closed.value, ConnectionClosed):
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012, closed.value


async def test_an_open_socket_gets_nothing_more(running, fresh):
    import asyncio

    cast = await asyncio.to_thread(fresh)
    customer = await asyncio.to_thread(cast.customer)
    phone = await asyncio.to_thread(cast.handset, customer)
    async with Line(running.port, phone) as line:
        await asyncio.to_thread(rows, f'DROP SCHEMA "{cast.place.schema}" CASCADE')
        await line.send(type="write", **{"for": str(customer)}, body="anyone there?")
        answer = await line.expect("error")
        assert answer["code"] == GONE
    await asyncio.to_thread(Business.objects.filter(id=cast.place.id).update, state=Business.State.CLOSED)


@pytest.mark.usefixtures("quiet_public")
def test_a_job_does_nothing_and_says_so(lost):
    cast, *_ = lost
    with pytest.raises(Exception) as raised:  # noqa: PT011 - the code is what counts, whichever class carries it
        jobs.carry_out(cast.place.id.hex, "messaging.jobs.send_mails")
    refusal = problems.refusal_for(raised.value)
    assert refusal is not None
    assert refusal.code == GONE


@pytest.mark.usefixtures("quiet_public")
@pytest.mark.parametrize("act", ["read", "write"])
def test_a_flow_inside_the_scope_fails(lost, act):
    cast, customer, _, sent = lost
    asked = Compose(body="hello", customer=customer)
    acts = {
        "read": lambda: messages.get_message_for(cast.author, sent.id),
        "write": lambda: message.send(actor=cast.author, now=clock.now(), asked=asked),
    }
    with pytest.raises(Exception) as raised, cast.inside():  # noqa: PT011 - see above
        acts[act]()
    refusal = problems.refusal_for(raised.value)
    assert refusal is not None
    assert refusal.code == GONE


@pytest.mark.usefixtures("quiet_public")
def test_migrating_it_is_refused(lost):
    cast, *_ = lost
    with pytest.raises(Refusal, match=GONE):
        provision.migrate(cast.place)


@pytest.mark.usefixtures("quiet_public")
@pytest.mark.parametrize("which", ["one", "all"])
def test_the_framework_s_own_command_makes_nothing_in_public(lost, which):
    cast, *_ = lost
    options = {"schema_name": cast.place.schema} if which == "one" else {}
    try:
        with pytest.raises((MigrationSchemaMissing, RuntimeError), match=r"does not exist|chema"):
            call_command("migrate_schemas", tenant=True, interactive=False, verbosity=0, **options)
    finally:
        connection.set_schema_to_public()  # a command is a process of its own, and ends with it


@pytest.mark.usefixtures("quiet_public")
def test_verify_archive_says_which(lost, capsys):
    cast, *_ = lost
    with pytest.raises(SystemExit):
        call_command("verify_archive", cast.place.slug)
    assert f"{cast.place.slug}: cannot be verified ({GONE})" in capsys.readouterr().err


def test_the_clock_lives_on(running, lost, acme):
    """One business that is broken takes nothing from its neighbours: the other's message is sent and ends."""
    with running.api(acme) as api:
        made = api.post("messages", json={"customer": str(acme.customer()), "body": "on time", "gone_after": 60})
    assert made.status_code == 201
    answer = httpx.get(f"http://127.0.0.1:{running.port}/healthz", timeout=5)
    assert answer.status_code == 200
    assert running.children["clock"].poll() is None
