"""What the floor keeps: the keyring's files, the logs, a few keys in memory. See `portal.kernel.stores`."""

from portal.kernel.stores import Columns, Store

CANARY = "portal/tests/test_canary.py::test_nothing_plain_is_at_rest_while_it_lives"

STORES = [
    Store(
        "file `<EBB_KEYRING>/live.ring`", "the keys of live buckets", "master key",
        "each bucket at its instant, overwritten where it lay",
        "portal/sealing/tests/test_keyring_carve.py::test_a_dead_key_cannot_be_carved_out_of_an_ext4_image",
        ("portal/sealing/keyring/disk.py", "portal/sealing/keyring/slots.py"),
    ),
    Store(
        "file `<EBB_KEYRING>/business/<id>.ring`", "business key, disposal, index and log keys, last checkpoint",
        "master key", "disposal keys at disposal, the file when the business is closed; backed up, sealed, with an age limit",
        "portal/sealing/tests/test_keyring_carve.py::test_a_dead_key_cannot_be_carved_out_of_an_ext4_image",
        ("portal/sealing/keyring/disk.py", "portal/sealing/keyring/slots.py"),
    ),
    Store(
        "standard error of each process", "codes, ids, classes of exceptions: an allow-list of fields", "plain",
        "as the host rotates it", CANARY, ("portal/web/logs.py",),
    ),
    Store(
        "memory of web and workers: subkeys of business keys", "keys that live as long as their business", "memory only",
        "with the process", "portal/sealing/tests/test_field.py::test_a_field_opens_in_its_own_place_only",
        ("portal/sealing/field.py", "portal/sealing/blind.py"),
    ),
]  # fmt: skip
CODES: Columns = {"django_migrations": {"app", "name"}}
BARE = {
    "portal/kernel/bulk.py": "how a few times are written",
    "portal/kernel/clock.py": "how a few times are written",
    "portal/kernel/env.py": "names and defaults of the settings",
    "portal/kernel/heartbeat.py": "when each process was last heard (`tenants_cache`)",
    "portal/kernel/keys.py": "the keyring's object; keys are read from its files",
    "portal/kernel/wake.py": "who listens in this process",
    "portal/sealing/hpke.py": "parsed public keys of archive recipients",
    "portal/web/frame.py": "functions that fill the page frame",
    "portal/web/health.py": "functions that check, and for a second what they found",
    "portal/web/help.py": "the help pages, as the release has them",
    "portal/web/spoken.py": "the inbox's own words, as the release has them",
    "portal/web/statics.py": "the static files, as the release has them",
    "portal/web/templatetags/times.py": "the months' short names, in each language",
}
