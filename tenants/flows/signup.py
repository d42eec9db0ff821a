"""Starting a business from the installation's own page: an address that must show that it is read, then a name, then a birth.

Three limits a day, each counted under one lock: a network, an address, the installation. Nothing of a business exists before
its link was opened, and what nobody finished within a day is taken away again (`sweep`).
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils.crypto import salted_hmac

from portal.kernel import jobs, networks
from portal.kernel.errors import Kind, Refusal
from tenants.flows import provision
from tenants.models import Business, Signup
from tenants.queries import signups

OF_A_NETWORK, OF_AN_ADDRESS, OF_ALL = 5, 3, 200
STALLED = timedelta(minutes=1)
SEND, BUILD = "messaging.jobs.send_start_link", "tenants.jobs.build"


def ask(*, now: datetime, email: str, source: str) -> None:
    """A link to this address. Asked too often about one address, it says nothing of that: nobody learns who asked before."""
    network = salted_hmac("tenants.signup", networks.of(source)).digest()[:16]
    with transaction.atomic():
        _one_at_a_time()
        today = Signup.objects.filter(asked_at__gt=now - signups.LASTS)
        if today.filter(network=network).count() >= OF_A_NETWORK or today.count() >= OF_ALL:
            raise Refusal(
                "too_many", "Too many asked from here today. Try again tomorrow.", Kind.TOO_MANY, retry_after=86400
            )
        if today.filter(email=email).count() < OF_AN_ADDRESS:
            row = Signup.objects.create(email=email, network=network, asked_at=now)
            jobs.enqueue_platform(SEND, row.id, queue="notices")


def name(*, now: datetime, signup_id: UUID, slug: str, name: str) -> None:
    """Its name and address, once; a job builds it."""
    with transaction.atomic():
        _one_at_a_time()
        if signups.get(signup_id, now).business_id is not None:
            raise Refusal("already_named", "This business has its name already.", Kind.CONFLICT)
        hosts = [f"{slug}.{settings.BASE_NAME}"]
        business_id = provision.create(slug=slug, name=name, hosts=hosts, now=now)
        Signup.objects.filter(id=signup_id).update(business_id=business_id)
        jobs.enqueue_platform(BUILD, business_id)


def sweep(*, now: datetime) -> None:
    """For the clock: a job that was lost is asked for again; what nobody finished goes, and its address is free."""
    for row in Signup.objects.filter(asked_at__lte=now - signups.LASTS):
        if row.business_id is not None:
            provision.abandon(business_id=row.business_id, now=now)
        row.delete()
    named = Signup.objects.filter(business_id__isnull=False).values("business_id")
    stalled = Business.objects.filter(id__in=named, state=Business.State.PROVISIONING, fingerprint="")
    for business in stalled.filter(created_at__lte=now - STALLED):
        jobs.enqueue_platform(BUILD, business.id)


def _one_at_a_time() -> None:
    """Until the commit: so that what is counted holds."""
    with connection.cursor() as cursor:
        cursor.execute('LOCK TABLE "tenants_signup" IN SHARE ROW EXCLUSIVE MODE')
