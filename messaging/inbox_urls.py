"""/inbox/: the customer's side."""

from django.urls import path

from messaging.pages import applock, inbox, lost, mydevices, own, told

urlpatterns = [
    path("", inbox.shell, name="inbox"),
    path("enrol", inbox.enrol, name="inbox-enrol"),
    path("enrol/<str:token>", inbox.enrol_page, name="inbox-enrol-page"),
    path("recover", inbox.recover, name="inbox-recover"),
    path("lost", lost.door, name="inbox-lost"),
    path("lost/use", lost.use, name="inbox-lost-use"),
    path("lost/act", lost.act, name="inbox-lost-act"),
    path("lost/<str:token>", lost.link_page, name="inbox-lost-page"),
    path("nonce", inbox.new_nonce, name="inbox-nonce"),
    path("state", inbox.state, name="inbox-state"),
    path("messages", inbox.write, name="inbox-write"),
    path("attachments", inbox.upload, name="inbox-upload"),
    path("messages/<uuid:message_id>/reveal", inbox.reveal, name="inbox-reveal"),
    path("messages/<uuid:message_id>/read", inbox.read, name="inbox-read"),
    path("messages/<uuid:message_id>/attachments/<uuid:file_id>", inbox.attachment, name="inbox-attachment"),
    path("messages/<uuid:message_id>/extend", inbox.extend, name="inbox-extend"),
    path("sign-out", inbox.sign_out, name="inbox-sign-out"),
    path("devices", mydevices.listing, name="inbox-devices"),
    path("devices/<uuid:device_id>/lock", mydevices.lock, name="inbox-device-lock"),
    path("devices/<uuid:device_id>/sign-out", mydevices.sign_out, name="inbox-device-sign-out"),
    path("devices/<uuid:device_id>/wipe", mydevices.wipe, name="inbox-device-wipe"),
    path("own", own.page, name="inbox-own"),
    path("own/consent", own.say, name="inbox-own-consent"),
    path("own/copy", own.copy, name="inbox-own-copy"),
    path("own/erasure", own.ask_erasure, name="inbox-own-erasure"),
    path("notices", told.page, name="inbox-notices"),
    path("notices/choices", told.choices, name="inbox-choices"),
    path("notices/push", told.push, name="inbox-push"),
    path("notices/no-push", told.no_push, name="inbox-no-push"),
    path("lock", applock.set_, name="inbox-lock"),
    path("open", applock.open_, name="inbox-open"),
    path("close", applock.close, name="inbox-close"),
    path("wiped", mydevices.wiped, name="inbox-wiped"),
    path("kept", inbox.kept_page, name="inbox-kept"),
    path("sw.js", inbox.service_worker, name="inbox-sw"),
    path("manifest.webmanifest", inbox.manifest, name="inbox-manifest"),
]
