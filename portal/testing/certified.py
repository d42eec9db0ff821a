"""panva's oidc-provider, which the OpenID Foundation certified, as a process: we did not write what our side is tried against."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portal.testing import npm

SOURCE = Path(__file__).resolve().parents[1] / "tests" / "openid"


@contextmanager
def provider(certificate: Path, redirect_uri: str) -> Iterator[str]:
    """→ its issuer"""
    folder = npm.installed(SOURCE, "sign-in against a certified provider (oidc-provider)")
    command = ["node", "provider.mjs", str(certificate), redirect_uri]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            issuer = process.stdout.readline().strip()
            assert issuer.startswith("https://"), "the provider did not start"
            yield issuer
        finally:
            process.kill()
