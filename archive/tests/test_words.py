"""Stems come from C where there is a build of it, else from Python: an index made by one is searched by the other."""

from importlib import import_module

import pytest

from archive.rules import words

WORDS = (
    "appointments running häuser größe straße überprüfungen niños mañanas été façades noël ijsberen mogelijkheden "
    "généralement relational conditions bücher canciones vriendelijkheid a is"
)


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_both_kinds_of_stemmers_agree(language: str) -> None:
    module = import_module(f"snowballstemmer.{language}_stemmer")
    in_python = getattr(module, f"{language.title()}Stemmer")()
    chosen = words._stemmer(language)
    assert [chosen.stemWord(word) for word in WORDS.split()] == [in_python.stemWord(word) for word in WORDS.split()]
