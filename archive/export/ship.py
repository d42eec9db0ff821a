"""`verify.py` as it lies in each bundle: the verifier's modules joined into one file that needs Python alone."""

import re
from pathlib import Path

PARTS = (
    "ed25519", "signed", "boxed", "leaves", "enclosed", "letter", "table", "container", "claims", "pieces", "crew", "check", "main",
)  # fmt: skip
_OURS = re.compile(r"^from archive\.export\.\w+ import (?:\([^)]*\)|[^\n(]*)\n", re.MULTILINE)
_IMPORT = re.compile(r"^(?:import|from) [^\n]*\n", re.MULTILINE)
_HEAD = '''#!/usr/bin/env python3
"""Verifies the export of an Ebb archive it lies in, or the one it is given. Needs Python 3.11 or newer and nothing else.

    python3 verify.py                          this folder
    python3 verify.py BUNDLE.zip --vkey FILE   a ZIP, against the log's key from outside

Exit 0 verified, 3 consistent only with itself (no key was given from outside), 1 not.
"""

'''
_TAIL = '\n\nif __name__ == "__main__":\n    sys.exit(main())\n'


def verifier() -> bytes:
    """The text of verify.py."""
    sources = [(Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8") for name in PARTS]
    sources = [_OURS.sub("", source) for source in sources]
    imports = sorted({line for source in sources for line in _IMPORT.findall(source)})
    bodies = [_IMPORT.sub("", source).strip() for source in sources]
    return (_HEAD + "".join(imports) + "\n\n" + "\n\n\n".join(bodies) + _TAIL).encode()
