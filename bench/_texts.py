"""Bodies of messages. Real text messages where the shared collection lies beside the project, else made-up ones of the
same lengths; never copied into the project."""

import random

from portal.launch.environment import PROJECT

REAL = PROJECT.parent / "shared" / "data" / "sms.tsv"
WORDS = (
    "your appointment on monday was moved to ten please bring the letter of your doctor and a list of what you take "
    "we have received the form thank you the bank will call you before friday about the new card do not share the code "
    "results are ready nothing to worry about come in when it suits you parking is behind the house ask at the desk"
)


def bodies(count: int) -> list[str]:
    """`count` texts, the same at every run."""
    found = _real() or _made()
    return [found[n % len(found)] for n in range(count)]


def _real() -> list[str]:
    if not REAL.exists():
        return []
    lines = REAL.read_text(encoding="utf-8").splitlines()[1:]
    return [text for text in (line.partition("\t")[2] for line in lines) if text.isprintable() and text]


def _made() -> list[str]:
    chance, words = random.Random(7), WORDS.split()
    return [" ".join(chance.choices(words, k=chance.randint(4, 28))) for _ in range(2000)]
