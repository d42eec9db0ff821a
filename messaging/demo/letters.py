"""Templates and quick answers of the demo's businesses, in some of their customers' languages."""

from typing import Any

from messaging.flows import template
from messaging.rules import wording
from portal.kernel import actors, clock

LETTERS: dict[str, list[dict[str, Any]]] = {
    "acme": [
        {
            "name": "Appointment", "format": "markdown", "variables": ("day", "time"),
            "texts": {
                "en": ("Your appointment on {{day:date}}", ("Dear {{name|patient}},\n\nyour appointment is on **{{day:date}}** at "
                       "**{{time}}**. Please bring:\n\n- your insurance card\n- the list of your medicines\n\nYou cannot come? "
                       "Answer here, or call [our desk](tel:+31205550100)."), ("I will come", "I need another time")),
                "de": ("Ihr Termin am {{day:date}}", ("Guten Tag {{name|}},\n\nIhr Termin ist am **{{day:date}}** um "
                       "**{{time}}**. Bitte bringen Sie mit:\n\n- Ihre Versichertenkarte\n- die Liste Ihrer Medikamente\n\n"
                       "Sie können nicht kommen? Antworten Sie hier oder rufen Sie [unsere Anmeldung](tel:+31205550100) an."),
                       ("Ich komme", "Ich brauche einen anderen Termin")),
                "nl": ("Uw afspraak op {{day:date}}", ("Beste {{name|patiënt}},\n\nuw afspraak is op **{{day:date}}** om "
                       "**{{time}}**. Neem mee:\n\n- uw zorgpas\n- uw medicijnlijst\n\nKunt u niet komen? Antwoord hier."),
                       ("Ik kom", "Ik wil een andere tijd")),
            },
        },
        {"name": "We call you back", "quick": True, "texts": {
            "en": ("", "Thank you, {{name|we have read it}}. We call you back today before 6 pm."),
            "de": ("", "Danke, {{name|wir haben es gelesen}}. Wir rufen Sie heute vor 18 Uhr zurück."),
        }},
        {"name": "Afternoons", "quick": True, "texts": {
            "en": ("", "In the afternoon we have 14:20 and 15:40 on Thursday. Which one suits you?"),
        }},
    ],
    "globex": [
        {"name": "Payment due", "variables": ("sum", "due"), "texts": {
            "en": ("A payment is due", ("Dear {{name|customer}}, {{sum:number}} EUR are due on {{due:date}}. You need not do "
                   "anything: we take it from your account.")),
            "fr": ("Une échéance approche", ("Bonjour {{name|}}, {{sum:number}} EUR sont dus le {{due:date}}. Vous n'avez rien à "
                   "faire : nous le prélevons sur votre compte.")),
        }},
        {"name": "Card is blocked", "quick": True, "texts": {
            "en": ("", "Your card is blocked now. A new one is on its way; the old one does nothing any more."),
        }},
    ],
}  # fmt: skip


def seed(author: actors.Actor, slug: str) -> None:
    for one in LETTERS[slug]:
        texts = {tag: wording.Text(*parts) for tag, parts in one["texts"].items()}
        text = wording.Wording(texts, format=one.get("format", "text"), variables=tuple(one.get("variables", ())))
        template.create(
            actor=author, now=clock.now(), name=one["name"], text=text, is_quick_answer=one.get("quick", False)
        )
