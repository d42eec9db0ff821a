from messaging.models.account import AccountDay
from messaging.models.applock import AppLock, Pass
from messaging.models.campaign import Campaign, Run, RunChunk, RunRecipient
from messaging.models.conversation import Category, Conversation, Policy
from messaging.models.customer import Audience, Consent, Customer, Enrolment, FactorCode, Relation
from messaging.models.device import Attempt, Device, DeviceCustomer, Nonce, Wipe
from messaging.models.importing import ImportJob, ImportSlice
from messaging.models.message import Body, Idempotency, Message
from messaging.models.notice import Channel, FollowUp, Notice
from messaging.models.template import Template, TemplateVersion
from messaging.models.webhook import Delivery, Webhook

__all__ = [
    "AccountDay",
    "AppLock",
    "Attempt",
    "Audience",
    "Body",
    "Campaign",
    "Category",
    "Channel",
    "Consent",
    "Conversation",
    "Customer",
    "Delivery",
    "Device",
    "DeviceCustomer",
    "Enrolment",
    "FactorCode",
    "FollowUp",
    "Idempotency",
    "ImportJob",
    "ImportSlice",
    "Message",
    "Nonce",
    "Notice",
    "Pass",
    "Policy",
    "Relation",
    "Run",
    "RunChunk",
    "RunRecipient",
    "Template",
    "TemplateVersion",
    "Webhook",
    "Wipe",
]
