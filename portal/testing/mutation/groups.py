"""Which modules T19 plants faults into, which tests should notice, and which faults nobody could notice."""

import json
from dataclasses import dataclass
from pathlib import Path

from portal.testing.mutation.faults import Fault, of_module

HOUSE = Path(__file__).resolve().parents[3]
ALIKE = Path(__file__).with_name("alike.json")


def alike() -> dict[str, str]:
    """Faults that change nothing anybody could see, by name, each with its reason: they are not tried."""
    known: dict[str, str] = json.loads(ALIKE.read_text(encoding="utf-8"))
    return known


@dataclass(frozen=True)
class Group:
    """`modules` are files or folders."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]

    def files(self) -> list[tuple[str, Path]]:
        """(module's name, file) of each."""
        paths = [path for one in self.modules for path in _files(HOUSE / one)]
        return [(".".join(path.relative_to(HOUSE).with_suffix("").parts), path) for path in paths]

    def faults(self) -> list[Fault]:
        return [fault for module, path in self.files() for fault in of_module(module, path)]


SEALED = ("aead", "wheel", "message", "field", "blind", "record", "envelope", "blob")
LOGGED = ("merkle", "tiles", "proof", "checkpoint", "note", "canonical", "entry", "encoding", "stencil")
OUTSIDE = ("kill", "carve")  # these start programs and mount file systems: a planted fault does not come along
WORDS = (
    "test_a_full_disk_does_not_cost_a_customers_words",
    "test_words_that_nobody_carried_in_time_end_with_an_entry",
    "test_a_schedule_that_cannot_be_opened_fails_alone",
)
SIGNED_IN = ("test_signing_in_and_out_are_entries", "test_a_session_means_nothing_in_another_business")
GROUPS = {
    "sealing": Group(
        (*(f"portal/sealing/{name}.py" for name in SEALED), "portal/sealing/keyring"),
        ("portal/sealing/tests", *(f"--ignore=portal/sealing/tests/test_keyring_{name}.py" for name in OUTSIDE)),
    ),
    "ledger": Group(
        tuple(f"archive/ledger/{name}.py" for name in LOGGED),
        ("archive/ledger/tests",),
    ),
    "expiry": Group(
        ("messaging/rules/state.py", *(f"messaging/flows/{name}.py" for name in ("expiry", "ending", "sweep", "body"))),
        (
            *(f"messaging/tests/test_{name}.py" for name in ("state", "sweep", "expiry", "send")),
            *(f"messaging/tests/test_trouble.py::{name}" for name in WORDS),
            "messaging/tests/device/test_ending.py",
            "messaging/tests/webhooks/test_delivery.py::test_delivered_and_ended_unread",
        ),
    ),
    "disposal": Group(
        (
            *(f"archive/rules/{name}.py" for name in ("disposal", "retention")),
            *(f"archive/flows/{name}.py" for name in ("disposing", "bucket")),
        ),
        (
            *(f"archive/tests/test_{name}.py" for name in ("months", "disposal", "bucket", "ends", "review")),
            "archive/tests/test_blob.py::test_a_disposal_counts_the_bytes_of_files",
        ),
    ),
    "tenancy": Group(
        ("portal/kernel/tenancy.py", *(f"portal/web/{name}.py" for name in ("middleware", "guards", "closed"))),
        (
            "portal/kernel/tests/test_tenancy.py",
            *(f"portal/web/tests/test_{name}.py" for name in ("guards", "closed", "middleware", "doors")),
            *(f"portal/accounts/tests/test_sign_in.py::{name}" for name in SIGNED_IN),
        ),
    ),
}  # fmt: skip


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(one for one in path.glob("*.py") if one.name != "__init__.py")
