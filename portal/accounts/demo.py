"""One-click sign-in, for a demo only: the link names a member of staff; a POST, never the GET, signs them in."""

from django.conf import settings
from django.core import signing

from portal.accounts.models import User
from portal.kernel import tenancy
from portal.kernel.errors import not_found

SALT = "demo.sign-in"
LIVES_FOR = 30 * 86400  # seconds


def path(email: str) -> str:
    user = User.objects.get(email=email)
    return "/console/demo/" + signing.dumps(str(user.id), salt=tenancy.salt(SALT))


def get_user_for(token: str) -> User:
    """Whose link it is. Outside a demo there are no such links."""
    if not settings.EBB_DEMO:
        raise not_found("page")
    try:
        user_id = signing.loads(token, salt=tenancy.salt(SALT), max_age=LIVES_FOR)
    except signing.BadSignature as error:
        raise not_found("page") from error
    user = User.objects.filter(id=user_id, is_active=True).first()
    if user is None:
        raise not_found("page")
    return user
