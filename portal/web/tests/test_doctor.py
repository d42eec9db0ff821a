"""The doctor says what fails, in words, and by its exit code."""

import io

import pytest
from django.core.management import call_command


def test_the_doctor_names_what_is_wrong(house):
    """In a test run nobody serves the queue and no clock beats: that is what it must say."""
    said = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", stdout=said)
    lines = dict(line.split()[1::-1] for line in said.getvalue().splitlines())
    assert lines["database"] == "ok"
    assert lines["keyring"] == "ok"
    assert ended.value.code == 1
    assert "failing" in {lines["clock"], lines["worker"]}
