"""`{% module "js/inbox/main.js" %}`: a script, and all that it imports asked for at once."""

from django import template
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from portal.web import statics

register = template.Library()


@register.simple_tag
def module(name: str, *more: str) -> SafeString:
    """`more`: what the script will import by a name that it makes."""
    urls = [static(one) for one in (*statics.modules(name), *filter(None, more))]
    ahead = format_html_join("", '<link rel="modulepreload" href="{}">', ((url,) for url in urls[1:]))
    return format_html('{}<script type="module" src="{}"></script>', ahead, urls[0])
