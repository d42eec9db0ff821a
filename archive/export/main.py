"""`verify.py [BUNDLE] --vkey FILE`: the verifier as a program. Exit 0 verified, 3 consistent only with itself, 1 not."""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from archive.export.check import Progress, Verdict, quiet, verify
from archive.export.container import Unpacked, Zipped
from archive.export.crew import crew
from archive.export.signed import NotVerified

EXIT_VERIFIED, EXIT_NOT, EXIT_ITSELF = 0, 1, 3
_ABOUT = """Verify an export of an Ebb archive: a ZIP, or the folder it was unpacked to. Needs nothing but Python.
Give the log's key from somewhere else than the bundle: from the business's own page, or from an earlier day."""
REASON_WORDS = {
    "altered": "changed after they were archived, and no longer what their entries say",
    "disposed": "disposed of under a retention rule",
    "lost": "not here, and no disposal says why",
    "mirrored": "kept by the business's mirror, no longer by the portal",
    "not_openable": "not to be opened with the key at hand",
    "withheld": "withheld",
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=_ABOUT)
    parser.add_argument(
        "bundle", nargs="?", type=Path, default=_here(), help="the ZIP or its folder (default: this folder)"
    )
    parser.add_argument("--vkey", type=Path, metavar="FILE", help="the log's key, from outside")
    given = parser.parse_args(arguments)
    return run(given.bundle, given.vkey, sys.stdout.write, _Speed(sys.stderr.write) if sys.stderr.isatty() else quiet)


def run(bundle: Path, vkey: Path | None, say: Any, progress: Progress = quiet) -> int:
    """Verify and say so in words; the exit code."""
    try:
        outside = vkey.read_text(encoding="ascii").strip() if vkey else None
        verdict = verify_path(bundle, outside, progress)
    except NotVerified as refused:
        say(f"NOT VERIFIED. {refused}\n")
        return EXIT_NOT
    except Exception as error:  # noqa: BLE001 - whatever it is that no verifier thought of: it is no yes
        say(f"NOT VERIFIED. It cannot be read: {error}\n")
        return EXIT_NOT
    say(tell(verdict))
    return EXIT_VERIFIED if verdict.has_outside_key else EXIT_ITSELF


def verify_path(bundle: Path, vkey: str | None, progress: Progress = quiet) -> Verdict:
    with crew() as each:
        if bundle.is_dir():
            return verify(Unpacked(bundle), vkey, progress, each)
        with bundle.open("rb") as file:
            return verify(Zipped(file), vkey, progress, each)


def tell(verdict: Verdict) -> str:
    """The verdict in plain words."""
    manifest = verdict.manifest
    counts, selection = manifest["counts"], manifest["selection"]
    lines = ["VERIFIED." if verdict.has_outside_key else "CONSISTENT WITH ITSELF, and no more than that."]
    if not verdict.has_outside_key:
        lines.append(
            "The key is the bundle's own, so anyone could have made all of it. Give the log's key: --vkey FILE."
        )
    lines.append(f"Log {manifest['log']}, a tree of {manifest['checkpoint']['size']:,} entries.")
    if manifest["complete"]:
        lines.append(f"Complete by proof: every entry from {selection['first']} to {selection['last']}.")
    else:
        lines.append("Selected by a query: what is here is proved, that nothing else would match is not.")
    kind = "sealed, as their entries commit to them" if manifest["sealed"] else "open, as their entries commit to them"
    lines.append(f"{counts['entries']:,} entries, {counts['records']:,} records ({kind}).")
    lines += [f"MISSING: {n:,} records {REASON_WORDS[reason]}." for reason, n in sorted(counts["missing"].items())]
    lines += [f"Not part of this bundle: {what}" for what in manifest["left_out"]]
    return "\n".join(lines) + "\n"


def _here() -> Path:
    return Path(__file__).resolve().parent


class _Speed:
    """Progress with its rate, on one line."""

    def __init__(self, write: Any) -> None:
        self._write, self._what, self._since = write, "", 0.0

    def __call__(self, what: str, done: int, of: int) -> None:
        if what != self._what:
            self._what, self._since = what, time.monotonic()
        rate = done / max(time.monotonic() - self._since, 0.001)
        self._write(f"\r  {what}: {done:,} of {of:,}, {rate:,.0f} a second   ")
