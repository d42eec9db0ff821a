"""The doctor says what fails, in words, and by its exit code."""

import io

import pytest
from django.core.management import call_command
from django.db import connection

from portal.web import health


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


def test_a_mail_server_that_is_away_is_a_warning_and_not_an_alarm(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    found = health.deep_findings()["mail"]
    assert found.state == "warning"
    assert "EBB_SMTP_HOST" in found.about


def test_a_business_with_tables_of_an_older_release_is_told(acme):
    assert health.deep_findings()["businesses"].state == "ok"
    table = f'"{acme.place.schema}".django_migrations'
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET name = 'later' WHERE app = 'archive'")
        try:
            found = health.deep_findings()["businesses"]
        finally:
            cursor.execute(f"UPDATE {table} SET name = '0001_initial' WHERE app = 'archive'")
    assert (found.state, found.value) == ("failing", 1)
