"""One settings file. Every value that differs between installations comes from the environment (`docs/settings.md`)."""

import hmac
import os
from pathlib import Path

from portal.kernel import env

BASE_DIR = Path(__file__).resolve().parent.parent
PROCESS = os.environ.get("EBB_PROCESS", "")  # web, worker or clock, set by whoever starts the process

# ── secrets and places ────────────────────────────────────────────────────────────────────────────────────────────
SECRET_KEY = env.secret("EBB_SECRET_KEY", about="signs sessions and the queue; changing it drops queued jobs")
EBB_MASTER_KEY = env.secret_key("EBB_MASTER_KEY", about="32 bytes, base64: the keyring is sealed under it")
EBB_KEYRING = env.text("EBB_KEYRING", about="folder of the keyring, mode 0700, outside the database's reach")
EBB_BASE_HOST = env.text("EBB_BASE_HOST", "localhost:8000", about="host (and port) whose sub-domains are businesses")
EBB_SCHEME = env.text("EBB_SCHEME", "https", about="http only for a demo on this machine")
EBB_DEMO = env.flag("EBB_DEMO", False, about="a demo: one-click sign-in links; never for real customers")
EBB_BACKUP_HOURS = env.number(
    "EBB_BACKUP_HOURS", 26, about="how old the newest backup may be before /readyz warns; 0 never"
)
EBB_EXPORTS = env.text(
    "EBB_EXPORTS", "", about="folder of sealed export bundles; empty: exports beside the keyring's folder"
)
EBB_EXPORTS = EBB_EXPORTS or str(Path(EBB_KEYRING).parent / "exports")
EBB_METRICS_KEY = env.secret(
    "EBB_METRICS_KEY", "", about="bearer key that /metrics asks for, and the details of /readyz; empty closes both"
)
# What businesses are known by at providers is encrypted under this (django-cryptography): not the secret of the sessions, which
# may be changed at any time.
CRYPTOGRAPHY_KEY = hmac.digest(EBB_MASTER_KEY, b"ebb/v1/stored-secrets", "sha256")
DEBUG = env.flag("EBB_DEBUG", False, about="Django's debug pages; never in a real installation")

BASE_NAME = EBB_BASE_HOST.split(":")[0]
ALLOWED_HOSTS = env.names(
    "EBB_ALLOWED_HOSTS", f"{BASE_NAME},.{BASE_NAME},127.0.0.1", about="hosts the web process answers for"
)

# ── apps ──────────────────────────────────────────────────────────────────────────────────────────────────────────
# `public` holds only the list of businesses, the queue and the cache; everything else is a business's own (design 3).
SHARED_APPS = ["django_tenants", "tenants", "django_q"]
TENANT_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "portal.accounts",
    "allauth",
    "allauth.account",
    "archive",
    "messaging",
]
INSTALLED_APPS = [
    *SHARED_APPS,
    *TENANT_APPS,
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "portal.web",
]
TENANT_MODEL = "tenants.Business"
TENANT_DOMAIN_MODEL = "tenants.Domain"
TENANT_LIMIT_SET_CALLS = True
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"

# ── database ──────────────────────────────────────────────────────────────────────────────────────────────────────
DATABASES: dict[str, dict[str, object]] = {
    "default": {
        "ENGINE": "django_tenants.postgresql_backend",
        **env.database("DATABASE_URL", about="postgresql://user:password@host:port/name, or ?host=/folder of a socket"),
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": False,
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "TEST": {"SERIALIZE": False},
    }
}
if PROCESS == "web":
    # Psycopg's pool is not fork-safe: only where nothing forks.
    DATABASES["default"]["OPTIONS"] = {
        **DATABASES["default"]["OPTIONS"],  # type: ignore[dict-item]
        "pool": {
            "min_size": 2,
            "max_size": env.number("EBB_DB_POOL", 20, about="database connections of one web process"),
            "timeout": 10,
            "max_lifetime": 1800,
        },
    }
elif PROCESS:
    DATABASES["default"]["CONN_MAX_AGE"] = 600
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "tenants_cache",
        "KEY_FUNCTION": "portal.kernel.tenancy.cache_key",
    },
    "process": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "process"},
}

# ── jobs ──────────────────────────────────────────────────────────────────────────────────────────────────────────
EBB_BULK_WORKERS = env.number("EBB_BULK_WORKERS", 2, about="processes that send campaigns, import and export at once")
EBB_CHUNK = env.number(
    "EBB_CHUNK", 4000, about="customers to whom a campaign writes in one transaction; other senders wait for its end"
)
# `retry` counts from the moment a job is taken, so it is longer than `timeout` times the local queue's depth.
_CLUSTER = {
    "workers": 1, "timeout": 120, "retry": 420, "queue_limit": 1, "bulk": 1, "poll": 0.2, "max_attempts": 5,
    "ack_failures": False, "catch_up": False, "save_limit": -1, "recycle": 500, "cache": "process", "orm": "default",
    "scheduler": False, "label": "Jobs", "guard_cycle": 1, "log_level": "WARNING",
}  # fmt: skip
Q_CLUSTER = {
    "name": "urgent",
    **_CLUSTER,
    # Of their own: a provider, or a business's webhook, that hangs keeps neither campaigns nor anybody's sign of life waiting.
    "ALT_CLUSTERS": {
        "bulk": {
            **_CLUSTER,
            "workers": EBB_BULK_WORKERS,
            "queue_limit": EBB_BULK_WORKERS,
            "timeout": 900,
            "retry": 2000,
        },
        "notices": {**_CLUSTER, "timeout": 300, "retry": 900},
        "hooks": {**_CLUSTER, "timeout": 300, "retry": 900},
    },
}

# ── web ───────────────────────────────────────────────────────────────────────────────────────────────────────────
MIDDLEWARE = [
    "portal.web.health.HealthMiddleware",
    "portal.web.requestlog.RequestLogMiddleware",
    "portal.web.middleware.BusinessMiddleware",
    "portal.web.middleware.RefusalMiddleware",
    "portal.web.middleware.HeadersMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
ROOT_URLCONF = "portal.urls"
PUBLIC_URLCONF = "portal.urls_public"
ASGI_APPLICATION = "portal.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "portal.web.frame.frame",
            ]
        },
    }
]
STATIC_URL = "/static/"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "portal.web.statics.Storage"},
}
# Uploads stay in memory: Django would spool large ones, in plain, to the temporary folder.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
# Where files and batches come in; every other address takes a mebibyte (`portal.web.handler`).
LARGE_BODIES = (r"/api/v1/(attachments|messages/batch)", r"/inbox/attachments", r"/console/.*")
DATA_UPLOAD_MAX_MEMORY_SIZE = FILE_UPLOAD_MAX_MEMORY_SIZE = 24 * 1024 * 1024

# ── sign-in, sessions, headers ────────────────────────────────────────────────────────────────────────────────────
AUTHENTICATION_BACKENDS = ["portal.accounts.backend.Backend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = False
ACCOUNT_PREVENT_ENUMERATION = "strict"
ACCOUNT_ADAPTER = "portal.accounts.adapter.StaffAdapter"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = False
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # the default keeps toasts in a plain cookie
LOGIN_URL = "/console/sign-in/"
LOGIN_REDIRECT_URL = "/console/"
EBB_ENROL_URL = "/console/you/"
EBB_CONFIRM_URL = "/console/confirm/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/console/sign-in/"
SESSION_ENGINE = "portal.accounts.sessions"
SESSION_COOKIE_NAME = "__Host-ebb-session"
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
CSRF_COOKIE_NAME = "__Host-ebb-csrf"
CSRF_COOKIE_SECURE = True
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "portal.web.pages.csrf_failed"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# Django's middlewares for headers are not used: `portal.web.headers` has one list for every answer, and a test grades it.
SILENCED_SYSTEM_CHECKS = ["security.W001", "security.W002"]

EBB_SIGNUP = env.flag(
    "EBB_SIGNUP", EBB_DEMO, about="whether anybody may start a business on the installation's own page"
)

# ── mail ──────────────────────────────────────────────────────────────────────────────────────────────────────────
EBB_MAIL_FROM = env.text("EBB_MAIL_FROM", f"no-reply@{BASE_NAME}", about="sender of content-free notices")
EMAIL_BACKEND = env.text(
    "EBB_MAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend", about="Django's mail back end"
)
EMAIL_HOST = env.text("EBB_SMTP_HOST", "127.0.0.1", about="mail server")
EMAIL_PORT = env.number("EBB_SMTP_PORT", 25, about="its port")
EMAIL_HOST_USER = env.text("EBB_SMTP_USER", "", about="user at the mail server")
EMAIL_HOST_PASSWORD = env.secret("EBB_SMTP_PASSWORD", "", about="password at the mail server")
EMAIL_USE_TLS = env.flag("EBB_SMTP_TLS", False, about="STARTTLS")
EMAIL_FILE_PATH = env.text("EBB_MAIL_FOLDER", "", about="folder of the file back end (demo)") or None
EMAIL_TIMEOUT = 15

# ── text messages ─────────────────────────────────────────────────────────────────────────────────────────────────
# Where they go to is the operator's to say; what a business is known by there is the business's (its settings page).
EBB_SMS_PROVIDER = env.choice(
    "EBB_SMS_PROVIDER", ("", "twilio", "http", *(["console"] if EBB_DEMO else [])),
    about="who sends text messages: twilio, http (docs/protocol.md), console (in a demo only); empty nobody",
)  # fmt: skip
EBB_SMS_URL = env.text("EBB_SMS_URL", "", about="address of the provider; empty with twilio: Twilio's own")
EBB_SMS_SECONDS = env.number("EBB_SMS_SECONDS", 10, about="how long the provider may take to answer")

# ── web push ──────────────────────────────────────────────────────────────────────────────────────────────────────
EBB_PUSH_KEY = env.secret_key(
    "EBB_PUSH_KEY",
    "",
    about="32 bytes, base64: by this key (VAPID) push services know this installation; empty: no web push",
)
# A browser names where it is pushed to, so a customer chooses what our workers call: only services that are named here.
EBB_PUSH_SERVICES = env.names(
    "EBB_PUSH_SERVICES", "fcm.googleapis.com,jmt17.google.com,.push.services.mozilla.com,.push.apple.com,.notify.windows.com",
    about="hosts of push services that may be called, by https only; one that begins with a dot stands for all below it",
)  # fmt: skip
EBB_CALL_INSIDE = env.networks(
    "EBB_CALL_INSIDE",
    about="address ranges inside the house (CIDR) that pushes, webhooks and sign-in may reach all the same",
)
EBB_PROVIDER_SECONDS = env.number(
    "EBB_PROVIDER_SECONDS", 5, about="how long a business's sign-in provider may take for one answer"
)
EBB_WEBHOOK_SECONDS = env.number("EBB_WEBHOOK_SECONDS", 10, about="how long a business's webhook may take to answer")
EBB_PUSH_SECONDS = env.number("EBB_PUSH_SECONDS", 10, about="how long a push service may take to answer")

# ── API ───────────────────────────────────────────────────────────────────────────────────────────────────────────
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["portal.accounts.api.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["portal.accounts.api.authentication.HasKey"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["portal.web.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "portal.web.openapi.Schema",
    "EXCEPTION_HANDLER": "portal.web.problems.handle_api",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Ebb",
    "DESCRIPTION": "Messages that end, and an archive that proves. One host a business; bearer keys with scopes.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
}

SCIM_SERVICE_PROVIDER = {  # django-scim2's name for its settings; NETLOC it asks for, and we go by the request's host
    "NETLOC": EBB_BASE_HOST,
    "AUTHENTICATION_SCHEMES": [
        {
            "type": "oauthbearertoken",
            "name": "API key",
            "description": "Bearer key with the scope staff.provision",
            "primary": True,
        }
    ],
    "BASE_LOCATION_GETTER": "portal.accounts.api.scim.base",
    "USER_ADAPTER": "portal.accounts.api.scim.Person",
    "GROUP_ADAPTER": "portal.accounts.api.scim.People",
    "SERVICE_PROVIDER_CONFIG_MODEL": "portal.accounts.api.scim.ProviderConfig",
}

# ── language, time, logs ──────────────────────────────────────────────────────────────────────────────────────────
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
EBB_REQUEST_LOG = env.flag("EBB_REQUEST_LOG", True, about="a line for each request, by the pattern of its address")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"ebb": {"()": "portal.web.logs.Formatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "ebb"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "ebb": {"level": "INFO"},
        "django.request": {"level": "CRITICAL"},
        "django.server": {"level": "CRITICAL"},
    },
}
