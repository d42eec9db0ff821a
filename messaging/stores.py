"""What messaging keeps of customers and of what is said to them. See `portal.kernel.stores`."""

from portal.kernel.stores import Columns, Store

CANARY = "portal/tests/test_canary.py::test_nothing_plain_is_at_rest_while_it_lives"
END = "portal/tests/test_residue.py::test_after_its_bucket_nothing_on_disk_opens_it"
CAMPAIGN = "messaging/tests/campaign/test_text.py::test_nothing_of_a_campaign_stands_in_plain"
CAMPAIGN_END = "messaging/tests/campaign/test_text.py::test_the_words_go_with_the_last_message"
IMPORT = "messaging/tests/test_import.py::test_the_file_is_sealed_and_gone_after_a_week"
WHEEL = "wheel key of its bucket"

STORES = [
    Store(
        "messaging_body.sealed", "subject and body of a live message, scheduled text, customers' replies", "message key",
        "the row at the end of the message, in slices", END,
    ),
    Store("messaging_body.wrap", "the message key", WHEEL, "when the bucket's key is destroyed", END),
    Store(
        "messaging_customer.sealed_profile", "reference, name, phone, e-mail, tags, fields", "business key", "at erasure", CANARY,
    ),
    Store("messaging_consent.sealed_words", "where and in which words consent was given", "business key", "at erasure", CANARY),
    Store("messaging_audience.sealed", "a saved filter and its name", "business key", "when staff delete it", CANARY),
    Store(
        "messaging_importjob.sealed", "an uploaded file's name, header and first rows; what its columns mean", "business key",
        "7 days after the upload", IMPORT,
    ),
    Store(
        "messaging_importjob.sealed_found", "samples of what an import would change", "business key", "7 days after the upload",
        IMPORT,
    ),
    Store(
        "messaging_importslice.sealed_rows", "rows of an uploaded file of customers", "business key", "7 days after the upload",
        IMPORT,
    ),
    Store(
        "messaging_importslice.sealed_wrong", "which cells of these rows are wrong", "business key", "7 days after the upload",
        IMPORT,
    ),
    Store(
        "messaging_factorcode.sealed_code", "a code that is asked for beside a link, until it is sent", "business key",
        "emptied when it left; with its enrolment", CANARY,
    ),
    Store("messaging_device.sealed_name", "what a customer calls a device", "business key", "with the business", CANARY),
    Store(
        "messaging_device.sealed_place", "where a device was used last: a time zone, a network", "business key",
        "with the business", CANARY,
    ),
    Store(
        "messaging_enrolment.sealed_secret", "a one-time link's secret, until it is sent", "business key",
        "emptied when the notice is out", "portal/tests/test_canary.py::test_mail_says_nothing_of_a_message",
    ),
    Store(
        "messaging_channel.secret", "what a provider knows the business by", "encrypted field, under the master key",
        "with the setting", "messaging/tests/notices/test_channel.py::test_what_a_provider_knows_us_by_is_never_plain",
    ),
    *(
        Store(
            f"messaging_webhook.{column}", words, "encrypted field, under the master key", end,
            "messaging/tests/webhooks/test_doors.py::test_addresses_and_secrets_are_never_plain",
        )
        for column, words, end in (
            ("url", "where a business's program is told of events", "when it is deleted"),
            ("secret", "what signs events", "when it is rotated"),
            ("old_secret", "what signed them before", "a day after it was rotated"),
        )
    ),
    Store(
        "messaging_channel.hook_secret", "what signs a provider's reports", "encrypted field, under the master key",
        "with the setting", "messaging/tests/notices/test_channel.py::test_what_a_provider_knows_us_by_is_never_plain",
    ),
    Store("messaging_channel.account", "the business's account at a provider", "plain: a label", "with the setting", CANARY),
    Store("messaging_channel.sender", "the number or name that texts come from", "plain: a label", "with the setting", CANARY),
    Store("messaging_policy.sender_name", "the business's name in notices", "plain: a label", "with the business", CANARY),
    Store(
        "messaging_device.sealed_push", "where a device's browser is pushed to, and the keys for it", "business key",
        "with the device's key, when it is switched off, when the push service does not know it any more",
        "messaging/tests/notices/test_push.py::test_an_address_is_sealed",
    ),
    Store(
        "messaging_idempotency.sealed_answer", "the answer to an API call (of a customer: with the profile)", "business key",
        "after 24 hours", CANARY,
    ),
    Store("messaging_campaign.sealed_name", "what the business calls a campaign", "business key", "with the business", CAMPAIGN),
    Store("messaging_campaign.sealed_filter", "whom a campaign is for", "business key", "with the business", CAMPAIGN),
    Store(
        "messaging_campaign.sealed", "subject and body of a campaign", "message key",
        "emptied with the last message of its last run, or when it is called off unsent", CAMPAIGN_END,
    ),
    Store("messaging_campaign.wrap", "the message key", WHEEL, "when the bucket's key is destroyed", CAMPAIGN_END),
    Store("messaging_policy.sealed_answer", "what a closed door answers", "business key", "with the business", CANARY),
    Store("messaging_customer.language", "a language tag", "plain: a code", "with the customer", CANARY),
    Store("messaging_customer.time_zone", "a time zone's name", "plain: a code", "with the customer", CANARY),
    Store(
        "messaging_template.sealed_name", "what staff call a template", "business key", "when staff delete it; outside I2", CANARY,
    ),
    Store(
        "messaging_templateversion.sealed", "a template's text in its languages", "business key",
        "when staff delete the template; outside I2", CANARY,
    ),
    Store("messaging_category.name", "what the business calls a kind of message", "plain: a label", "with the business", CANARY),
    Store(
        "memory of web and workers: wheel keys", "at most 64 wheel keys", "memory only",
        "at the bucket's end, and unused without the bucket's key before that",
        END, ("messaging/flows/body.py",),
    ),
    Store(
        "memory of web: sends that arrive together", "messages that wait for one commit", "memory only", "when it is done",
        CANARY, ("messaging/flows/lane.py",),
    ),
    Store(
        "memory of web: frames on their way", "what is being written to a socket", "memory only",
        "once written; never written at or after the message's end", CANARY,
        ("messaging/hub.py", "messaging/room.py", "messaging/sockets/wire.py"),
    ),
    Store(
        "e-mail to customers", "that there is a message, from whom; a one-time link", "as mail is",
        "the link after 7 days or its first use", "portal/tests/test_canary.py::test_mail_says_nothing_of_a_message",
        ("messaging/notices/mail.py",),
    ),
    Store(
        "text messages to customers", "that there is a message, from whom; a one-time link", "as text messages are",
        "the link after 7 days or its first use", "messaging/tests/notices/test_notice.py::test_a_text_says_nothing_of_a_message",
        ("messaging/notices/sms.py",),
    ),
    Store(
        "pushes to customers' browsers", "that there is a message, from whom", "the browser's own key (RFC 8291)",
        "when the last unread message that was pushed of is over, 28 days at most",
        "messaging/tests/notices/test_push.py::test_a_push_says_what_an_e_mail_does_and_only_its_browser_reads_it",
        ("messaging/notices/push.py",),
    ),
]  # fmt: skip
CODES: Columns = {
    "messaging_customer": {
        "state",
        "reference_hash",
        "phone_hash",
        "email_hash",
        "passphrase_digest",
        "ways",
        "marks",
        "agreed",
        "refused",
        "erasure_answer",
    },
    "messaging_importjob": {"state", "inviting", "asked_by"},
    "messaging_importslice": {"customers"},
    "messaging_consent": {"purpose", "channel"},
    "messaging_enrolment": {"kind", "send_by", "secret_hash", "relation", "issued_by"},
    "messaging_templateversion": {"author"},
    "messaging_policy": {
        *("opening", "emergency_number"),  # of the front desk
        *("app_lock", "second_factor", "time_zone", "accent", "missed", "ways"),
    },
    "messaging_campaign": {"state", "category", "format", "send_at_local", "repeat", "missed", "author"},
    "messaging_run": {"state", "wall"},
    "messaging_runrecipient": {"outcome", "reason"},
    "messaging_runchunk": {"state"},
    "messaging_notice": {"purpose", "channel", "state", "reason", "reference"},
    "messaging_channel": {"kind", "failing_why"},
    "messaging_followup": {"by", "author"},
    "messaging_webhook": {"events", "off", "created_by"},
    "messaging_delivery": {"event", "data", "state", "why"},
    "messaging_category": {"key", "purpose"},
    "messaging_conversation": {"state"},
    "messaging_device": {"state", "public_key", "cookie_hash", "revoked_reason", "push_hash", "push_for"},
    "messaging_devicecustomer": {"relation", "granted_by"},
    "messaging_factorcode": {"digest"},
    "messaging_applock": {"kind", "secret", "credential"},
    "messaging_pass": {"secret_hash"},
    "messaging_wipe": {"state", "requested_by", "signature"},
    "messaging_nonce": {"secret_hash"},
    "messaging_attempt": {"digest"},
    "messaging_message": {"direction", "author", "category", "format", "ended_reason", "outcome", "rule"},
    "messaging_idempotency": {"digest", "body_digest"},
}
BARE = {
    "messaging/rules/template.py": "how 64 languages write dates and numbers",
    "messaging/api/serializers.py": "one serializer of each kind, which keeps nothing of a body",
    "messaging/queries/subscriptions.py": "the installation's push key, parsed",
    "messaging/queries/noticehealth.py": "which channels fail, and why, as codes, for two minutes (cache table)",
    "messaging/queries/policy.py": "each business's limits and category keys, for two seconds",
    "messaging/demo/seed.py": "`demo.json` (0600): the keys and links of a demo, never of a real installation",
    "messaging/management/commands/create_business.py": "the recovery key's file, where its officer asked for it",
}
