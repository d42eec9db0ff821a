"""Invented people and believable words for the demo. Nobody here exists."""

FIRST = (
    "Ada", "Bruno", "Carla", "Dario", "Elif", "Farid", "Greta", "Hanna", "Ivo", "Jana", "Karim", "Lena", "Milan", "Nora",
    "Otto", "Paula", "Rosa", "Samir", "Tilda", "Vera",
)  # fmt: skip
LAST = (
    "Abel", "Brandt", "Costa", "Dahl", "Ersoy", "Fontaine", "Gruber", "Holm", "Ibsen", "Jensen", "Keller", "Lindqvist",
    "Moreau", "Novak", "Okafor", "Petit", "Quist", "Rossi", "Sanders", "Tanaka",
)  # fmt: skip

WORDS = {
    "acme": {
        "name": "Acme Clinic",
        "past": (
            (
                "Your appointment",
                "Your appointment with Dr Holm is on Thursday at 9:40. Please bring your insurance card.",
            ),
            ("Blood test", "Your blood test from Monday is back. All values are in the normal range; no need to call."),
            ("Prescription", "Your repeat prescription is ready at the desk. We are open until 6 pm."),
            ("After your visit", "Please keep the dressing dry for two days and take the tablets with food."),
        ),
        "live": (
            (
                "Your results",
                "The result of your scan is here. It shows nothing that needs treatment. Dr Holm will explain it on Friday.",
                True,
            ),
            (
                "Before your visit",
                "Please do not eat after midnight before your blood test on Wednesday at 8:10.",
                False,
            ),
            ("Vaccination", "Your second vaccination is due. Choose a day that suits you and answer here.", False),
        ),
        "coming": ("Reminder", "A reminder: your appointment is tomorrow at 9:40. Answer here if you cannot come."),
        "reply": "Thank you. I cannot come at 9:40 on Thursday, is there anything in the afternoon?",
    },
    "globex": {
        "name": "Globex Bank",
        "past": (
            ("Card payment", "You paid 84.20 at a filling station today. If that was not you, answer here."),
            ("Your statement", "Your statement for October is in your account. Nothing unusual was found."),
            ("Appointment", "Your adviser expects you on Tuesday at 15:00 in the branch at the harbour."),
        ),
        "live": (
            (
                "A new letter",
                "Your mortgage offer is here: 15 years at a fixed rate. It is valid for four weeks.",
                True,
            ),
            ("Card on its way", "Your new card was sent today. The PIN comes in a separate message tomorrow.", False),
        ),
        "coming": (
            "Your card's PIN",
            "The PIN of your new card can be read here tomorrow, for ten minutes after you open it.",
        ),
        "reply": "That payment was not me. What should I do now?",
    },
}


def people(slug: str, count: int) -> list[dict[str, str]]:
    """`count` invented people, the same at every run."""
    return [_person(slug, n) for n in range(count)]


def _person(slug: str, n: int) -> dict[str, str]:
    first, last = FIRST[n % len(FIRST)], LAST[(n // len(FIRST) + n * 7) % len(LAST)]
    tag = f"{n + 1:04d}"
    return {
        "reference": f"{slug.upper()}-{tag}",
        "name": f"{first} {last}",
        "email": f"{first}.{last}.{tag}@customers.example".lower(),
    }
