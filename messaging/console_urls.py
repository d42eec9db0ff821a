"""The console: every page of the staff. Archive pages stand here too, so that `console:` names the whole rail."""

from django.urls import path

from archive.pages import audit, ceremony, ledger, record, search
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
    path("archive/ceremony", ceremony.ceremony, name="archive_ceremony"),
    path("archive/unlock", archive_unlock.unlock, name="archive_unlock"),
    path("archive/lock", archive_unlock.lock, name="archive_lock"),
    path("archive/<int:index>/", ledger.entry, name="archive_entry"),
    path("archive/<int:index>/record", record.record, name="archive_record"),
    path("archive/<int:index>/proof", record.proof, name="archive_proof"),
    path("settings/", settings.settings, name="settings"),
    path("settings/keys", keys.create, name="settings_key_create"),
    path("settings/keys/<uuid:key_id>/revoke", keys.revoke, name="settings_key_revoke"),
]
