"""What a business keeps of its staff and programs. See `portal.kernel.stores`."""

from portal.kernel.stores import Columns, Store

PLAIN = "plain: staff sign in with it, and it is no customer's"
PLAIN_PROVIDER = "plain: anybody who signs in is sent there"
CHANGED = "when it is changed"
WALK = "portal/tests/test_stores.py::test_every_column_is_declared"
FIELD = "business key, bound to its row"
SEALED = "portal/accounts/tests/test_factor.py::test_nothing_of_a_factor_or_an_address_is_at_rest_in_plain"

STORES = [
    Store("accounts_user.email", "e-mail address of a member of staff", PLAIN, "with the business", WALK),
    Store("accounts_user.name", "name of a member of staff", PLAIN, "with the business", WALK),
    Store("accounts_user.external_id", "what the sign-in provider calls a member of staff", PLAIN, "with the business", WALK),
    Store("accounts_user.given_name", "name of a member of staff", PLAIN, "with the business", WALK),
    Store("accounts_user.family_name", "name of a member of staff", PLAIN, "with the business", WALK),
    Store("accounts_user.password", "password of a member of staff", "scrypt or PBKDF2 hash", "when it is changed", WALK),
    *(
        Store(f"accounts_staffpolicy.{column}", "the sign-in provider, and what the business is known by there", PLAIN_PROVIDER,
              CHANGED, WALK)
        for column in ("issuer", "client_id")
    ),
    Store(
        "accounts_staffpolicy.client_secret", "what proves the business to its sign-in provider",
        "encrypted field, under the master key", CHANGED,
        "portal/accounts/tests/test_signon.py::test_the_secret_is_nowhere_in_plain",
    ),
    Store("account_emailaddress.email", "e-mail address of a member of staff", PLAIN, "with the business", WALK),
    Store("accounts_factor.sealed", "secret of an app for codes; a passkey's key and name", FIELD, "when it is removed", SEALED),
    Store("accounts_session.sealed_address", "where a member of staff signed in from", FIELD, "with the session", SEALED),
    Store("accounts_apikey.name", "what the business calls a program's key", "plain: a label", "with the business", WALK),
    Store(
        "accounts_session.session_data", "id and e-mail address of a member of staff, numbers of a sign-in on its way, signed",
        "plain: no page puts words into it",
        "at sign-out or after 12 hours", "portal/tests/test_canary.py::test_nothing_plain_is_at_rest_while_it_lives",
    ),
]  # fmt: skip
CODES: Columns = {
    "accounts_apikey": {"prefix", "digest", "scopes", "networks"},
    "accounts_attempt": {"digest"},
    "accounts_factor": {"kind", "handle"},
    "accounts_staffpolicy": {"provider_use"},
    "accounts_user": {"role", "provider_subject"},
    "account_emailconfirmation": {"key"},
    "auth_group": {"name"},
    "auth_permission": {"name", "codename"},
    "django_content_type": {"app_label", "model"},
    "accounts_session": {"session_key", "browser"},
}
BARE = {
    "portal/accounts/api/authentication.py": "digests of API keys seen in the last moments, their scopes and ranges"
}
