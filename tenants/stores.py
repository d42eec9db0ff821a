"""What `public` keeps: the list of businesses, the queue, the cache. No customer, no word. See `portal.kernel.stores`."""

from portal.kernel.stores import Columns, Store

STORES = [
    Store(
        "tenants_business.name", "what the business calls itself", "plain: its customers are told it before they sign in",
        "with the business", "portal/tests/test_stores.py::test_every_column_is_declared",
    ),
    Store(
        "tenants_business.slug", "its address", "plain: it is a host name", "with the business",
        "portal/tests/test_stores.py::test_every_column_is_declared",
    ),
    Store(
        "tenants_signup.email", "who wants to start a business", "plain: staff sign in with it, and it is no customer's",
        "after a day", "tenants/tests/test_signup.py::test_after_a_day_nothing_is_left",
    ),
    Store(
        "tenants_domain.domain", "host names of businesses", "plain: they stand in the DNS", "with the business",
        "portal/tests/test_stores.py::test_every_column_is_declared",
    ),
]  # fmt: skip
# The queue's rows are ids and names of functions: `portal.kernel.jobs` takes nothing else, and the canary looks there.
_QUEUE = {"func", "hook", "args", "kwargs", "cluster", "name"}
CODES: Columns = {
    "tenants_business": {"schema_name", "state", "fingerprint"},
    "tenants_closing": {"state", "codes", "token_sha256", "certificate"},
    "tenants_platformevent": {"kind", "codes"},
    "tenants_signup": {"network"},
    "tenants_backup": {"kind", "lsn", "manifest_sha256", "ledgers"},
    "tenants_cache": {"cache_key", "value"},
    "django_q_task": _QUEUE | {"id", "result", "group"},
    "django_q_schedule": _QUEUE | {"schedule_type", "cron", "task", "intended_date_kwarg"},
    "django_q_ormq": {"key", "payload"},
}
BARE = {
    "tenants/flows/provision.py": "functions that take part in a birth",
    "tenants/management/commands/qcluster.py": "a number, told to the system: how far PostgreSQL gives way to others",
    "tenants/queries/businesses.py": "hosts and schemas of ready businesses, for two seconds",
}
