"""The console: every page of the staff. Archive pages stand here too, so that `console:` names the whole rail."""

from django.urls import path

from archive.pages import approvals, audit, ceremony, disposal, holds, ledger, officers, record, rules, search
from archive.pages import unlock as archive_unlock
from messaging.pages.console import (
    accent,
    compose,
    conversations,
    customers,
    devices,
    keys,
    messages,
    overview,
    settings,
    styles,
)
from messaging.queries import desk
from portal.accounts.queries import staff
from portal.web import frame, names

app_name = "console"
frame.add_business(accent.business)
frame.add_counts(overview.counts)
names.register(of_customers=desk.names_of, of_actors=staff.get_names, finder=desk.find_one_customer)
names.identify_by(desk.identify)
names.list_staff_by(staff.get_everybody)

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("accent.css", accent.stylesheet, name="accent"),
    path("_styles/", styles.styles, name="styles"),
    path("compose/", compose.compose, name="compose"),
    path("messages/", messages.listing, name="messages"),
    path("messages/<uuid:message_id>/", messages.message, name="message"),
    path("messages/<uuid:message_id>/read", messages.read, name="message_read"),
    path("messages/<uuid:message_id>/ask", messages.ask, name="message_ask"),
    path("messages/<uuid:message_id>/recall", messages.recall, name="message_recall"),
    path("messages/<uuid:message_id>/extend", messages.extend, name="message_extend"),
    path("customers/", customers.listing, name="customers"),
    path("customers/new", customers.new, name="customer_new"),
    path("customers/<uuid:customer_id>/", customers.customer, name="customer"),
    path("customers/<uuid:customer_id>/invite", customers.invite, name="customer_invite"),
    path("customers/<uuid:customer_id>/erase", customers.erase, name="customer_erase"),
    path("conversations/", conversations.listing, name="conversations"),
    path("conversations/<uuid:conversation_id>/", conversations.conversation, name="conversation"),
    path("conversations/<uuid:conversation_id>/reply", conversations.reply, name="conversation_reply"),
    path("conversations/<uuid:conversation_id>/assign", conversations.assign, name="conversation_assign"),
    path("conversations/<uuid:conversation_id>/close", conversations.close, name="conversation_close"),
    path("devices/", devices.listing, name="devices"),
    path("devices/<uuid:device_id>/", devices.device, name="device"),
    path("devices/<uuid:device_id>/lock", devices.lock, name="device_lock"),
    path("devices/<uuid:device_id>/unlock", devices.unlock, name="device_unlock"),
    path("devices/<uuid:device_id>/sign-out", devices.sign_out, name="device_sign_out"),
    path("devices/<uuid:device_id>/wipe", devices.wipe, name="device_wipe"),
    path("archive/", ledger.listing, name="archive"),
    path("archive/search/", search.search, name="archive_search"),
    path("archive/search/<uuid:search_id>/", search.results, name="archive_found"),
    path("archive/search/<uuid:search_id>/keep", search.keep, name="archive_search_keep"),
    path("archive/search/<uuid:search_id>/delete", search.delete, name="archive_search_delete"),
    path("archive/audit/", audit.audit, name="archive_audit"),
    path("archive/approvals/", approvals.listing, name="archive_approvals"),
    path("archive/approvals/<uuid:approval_id>/approve", approvals.approve, name="archive_approve"),
    path("archive/approvals/<uuid:approval_id>/refuse", approvals.refuse, name="archive_refuse"),
    path("archive/approvals/<uuid:approval_id>/withdraw", approvals.withdraw, name="archive_withdraw"),
    path("archive/viewings/<uuid:viewing_id>/grant", approvals.grant, name="archive_viewing_grant"),
    path("archive/viewings/<uuid:viewing_id>/decline", approvals.decline, name="archive_viewing_decline"),
    path("archive/viewings/<uuid:viewing_id>/show", approvals.show, name="archive_viewing_show"),
    path("archive/keys/", officers.listing, name="archive_keys"),
    path("archive/keys/<uuid:staff_id>/give", officers.give, name="archive_key_give"),
    path("archive/keys/<uuid:staff_id>/remove", officers.remove, name="archive_key_remove"),
    path("archive/keys/rotate", officers.rotate, name="archive_key_rotate"),
    path("archive/keys/take-up", officers.take_up, name="archive_key_take_up"),
    path("archive/keys/change", officers.change, name="archive_key_change"),
    path("archive/keys/recover", officers.recover, name="archive_key_recover"),
    path("archive/ceremony", ceremony.ceremony, name="archive_ceremony"),
    path("archive/unlock", archive_unlock.unlock, name="archive_unlock"),
    path("archive/lock", archive_unlock.lock, name="archive_lock"),
    path("archive/<int:index>/", ledger.entry, name="archive_entry"),
    path("archive/<int:index>/record", record.record, name="archive_record"),
    path("archive/<int:index>/proof", record.proof, name="archive_proof"),
    path("archive/rules/", rules.listing, name="archive_rules"),
    path("archive/rules/new", rules.new, name="archive_rule_new"),
    path("archive/rules/<uuid:rule_id>/", rules.rule, name="archive_rule"),
    path("archive/rules/<uuid:rule_id>/edit", rules.edit, name="archive_rule_edit"),
    path("archive/rules/<uuid:rule_id>/simulate", rules.simulate, name="archive_rule_simulate"),
    path("archive/rules/<uuid:rule_id>/activate", rules.activate, name="archive_rule_activate"),
    path("archive/rules/<uuid:rule_id>/lock", rules.lock, name="archive_rule_lock"),
    path("archive/rules/<uuid:rule_id>/retire", rules.retire, name="archive_rule_retire"),
    path("archive/holds/", holds.listing, name="archive_holds"),
    path("archive/holds/new", holds.new, name="archive_hold_new"),
    path("archive/holds/<uuid:hold_id>/", holds.hold, name="archive_hold"),
    path("archive/holds/<uuid:hold_id>/release", holds.release, name="archive_hold_release"),
    path("archive/holds/<uuid:hold_id>/keep", holds.keep, name="archive_hold_keep"),
    path("archive/disposal/", disposal.overview, name="archive_disposal"),
    path("archive/disposal/begin", disposal.begin, name="archive_disposal_begin"),
    path("archive/disposal/limits", disposal.limits, name="archive_disposal_limits"),
    path("archive/disposal/runs/", disposal.runs, name="archive_runs"),
    path("archive/disposal/runs/<uuid:run_id>/", disposal.run, name="archive_run"),
    path("archive/disposal/runs/<uuid:run_id>/stop", disposal.stop, name="archive_run_stop"),
    path("archive/disposal/review/", disposal.review, name="archive_disposal_review"),
    path("archive/disposal/review/decide", disposal.decide, name="archive_disposal_decide"),
    path("archive/disposal/certificates/", disposal.certificate_list, name="archive_certificates"),
    path("archive/disposal/certificates/<uuid:certificate_id>/", disposal.certificate, name="archive_certificate"),
    path("settings/", settings.settings, name="settings"),
    path("settings/keys", keys.create, name="settings_key_create"),
    path("settings/keys/<uuid:key_id>/revoke", keys.revoke, name="settings_key_revoke"),
]
