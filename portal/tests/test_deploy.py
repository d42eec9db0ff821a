"""Django's own look at an installation that is served: nothing to mend."""

import base64
import os
import secrets
import subprocess
import sys

from portal.launch import environment


def test_check_deploy_is_clean(tmp_path):
    """In a process of its own, with the settings that a real installation starts from."""
    given = {
        "EBB_SECRET_KEY": secrets.token_urlsafe(50), "EBB_MASTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "EBB_KEYRING": str(tmp_path), "EBB_BASE_HOST": "ebb.example.com", "DATABASE_URL": os.environ["DATABASE_URL"],
    }  # fmt: skip
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(
        command,
        cwd=environment.PROJECT,
        env=environment.inherited() | given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "System check identified no issues (2 silenced).\n"), done.stderr
