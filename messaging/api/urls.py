"""The API's addresses (the archive's are in `archive.api.urls`). What is not here yet answers 404."""

from django.urls import path

from messaging.api import audiences, campaigns, categories, conversations, customers, devices, messages, templates

urlpatterns = [
    path("customers", customers.Customers.as_view()),
    path("customers/<uuid:customer_id>", customers.OneCustomer.as_view()),
    path("customers/<uuid:customer_id>/enrolments", customers.Enrolments.as_view()),
    path("messages", messages.Messages.as_view()),
    path("messages/batch", messages.Batch.as_view()),
    path("messages/<uuid:message_id>", messages.OneMessage.as_view()),
    path("messages/<uuid:message_id>/recall", messages.Recall.as_view()),
    path("messages/<uuid:message_id>/extend", messages.Extend.as_view()),
    path("conversations", conversations.Conversations.as_view()),
    path("conversations/<uuid:conversation_id>", conversations.OneConversation.as_view()),
    path("conversations/<uuid:conversation_id>/assign", conversations.Assign.as_view()),
    path("conversations/<uuid:conversation_id>/close", conversations.Close.as_view()),
    path("devices", devices.Devices.as_view()),
    path("devices/<uuid:device_id>", devices.OneDevice.as_view()),
    path("devices/<uuid:device_id>/lock", devices.Lock.as_view()),
    path("devices/<uuid:device_id>/unlock", devices.Unlock.as_view()),
    path("devices/<uuid:device_id>/wipe", devices.WipeDevice.as_view()),
    path("audiences", audiences.Audiences.as_view()),
    path("audiences/<uuid:audience_id>", audiences.OneAudience.as_view()),
    path("campaigns", campaigns.Campaigns.as_view()),
    path("campaigns/<uuid:campaign_id>", campaigns.OneCampaign.as_view()),
    path("campaigns/<uuid:campaign_id>/recipients", campaigns.Recipients.as_view()),
    path("campaigns/<uuid:campaign_id>/simulate", campaigns.Simulate.as_view()),
    path("campaigns/<uuid:campaign_id>/schedule", campaigns.Start.as_view()),
    path("campaigns/<uuid:campaign_id>/send", campaigns.Send.as_view()),
    path("campaigns/<uuid:campaign_id>/pause", campaigns.Pause.as_view()),
    path("campaigns/<uuid:campaign_id>/resume", campaigns.Resume.as_view()),
    path("campaigns/<uuid:campaign_id>/cancel", campaigns.Cancel.as_view()),
    path("campaigns/<uuid:campaign_id>/resend", campaigns.Resend.as_view()),
    path("categories", categories.Categories.as_view()),
    path("templates", templates.Templates.as_view()),
    path("templates/<uuid:template_id>", templates.OneTemplate.as_view()),
]
