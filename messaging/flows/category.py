"""Categories of messages: their purpose and usual life."""

from datetime import datetime

from django.db import IntegrityError, transaction

from messaging.models import Category
from messaging.queries import policy
from messaging.rules import compose
from portal.kernel import unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal


def create(*, actor: Actor, now: datetime, key: str, name: str, purpose: str, gone_after: int | None) -> Category:
    actor.require("category.manage")
    if gone_after is not None:
        compose.check_life(gone_after, policy.get_policy().limits.maximum_gone_after, "gone_after")
    compose.check_subject(name)
    if not 1 <= len(name) <= 100:
        raise Refusal("bad_name", "A name has 1 to 100 characters.", field="name")
    try:
        with unit.work() as u, transaction.atomic():
            row = Category.objects.create(key=key, name=name, purpose=purpose, gone_after=gone_after, created_at=now)
            u.entry(unit.Draft("category.created", actor.label, codes={"key": key, "purpose": purpose}))
            u.after_commit(policy.forget)
    except IntegrityError as error:
        raise Refusal("category_exists", "There is a category with this key.", Kind.CONFLICT, field="key") from error
    return row
