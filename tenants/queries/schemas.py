"""Whether every business that is served has the tables of this release. For `doctor`: a look into each schema."""

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from portal.kernel import tenancy
from portal.web.health import Finding

_APPLIED = "SELECT app, name FROM {}.django_migrations"


def find() -> Finding:
    """The value is how many businesses are behind, or gone."""
    places, wanted = tenancy.directory().all_ready(), _wanted()
    gone = [place for place in places if not _stands(place.schema)]
    if gone:
        return Finding("failing", f"The schemas of {len(gone)} businesses are gone: restore a backup.", len(gone))
    behind = [place for place in places if wanted - _applied(place.schema)]
    about = f"{len(behind)} businesses have tables of an older release: run manage.py migrate_all." if behind else ""
    return Finding("failing" if behind else "ok", about, len(behind))


def _wanted() -> set[tuple[str, str]]:
    labels = {apps.get_app_config(name.split(".")[-1]).label for name in settings.TENANT_APPS}
    return {key for key in MigrationLoader(None, ignore_no_migrations=True).disk_migrations if key[0] in labels}


def _stands(schema: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [schema])
        return cursor.fetchone() is not None


def _applied(schema: str) -> set[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(_APPLIED.format(connection.ops.quote_name(schema)))
        return set(cursor.fetchall())
