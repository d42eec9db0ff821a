"""What a browser is called in the list of one's sessions: a code made of two known words, never what the browser said. Pure."""

from collections.abc import Mapping

# In this order: each but the last names also those after it.
BROWSERS = {
    "edge": ("Edg/", "EdgA/", "EdgiOS/"), "opera": ("OPR/",), "samsung": ("SamsungBrowser/",),
    "firefox": ("Firefox/", "FxiOS/"), "chromium": ("Chrome/", "CriOS/", "Chromium/"), "safari": ("Safari/",),
}  # fmt: skip
SYSTEMS = {
    "iphone": ("iPhone",), "ipad": ("iPad",), "android": ("Android",), "windows": ("Windows",), "mac": ("Macintosh",),
    "chromeos": ("CrOS",), "linux": ("Linux",),
}  # fmt: skip
WORDS = {
    "edge": "Edge", "opera": "Opera", "samsung": "Samsung Internet", "firefox": "Firefox", "chromium": "Chrome",
    "safari": "Safari", "iphone": "iPhone", "ipad": "iPad", "android": "Android", "windows": "Windows", "mac": "macOS",
    "chromeos": "ChromeOS", "linux": "Linux",
}  # fmt: skip


def code_of(user_agent: str) -> str:
    return f"{_first(BROWSERS, user_agent)}/{_first(SYSTEMS, user_agent)}"


def words_of(code: str) -> str:
    browser, _, system = code.partition("/")
    name, where = WORDS.get(browser, ""), WORDS.get(system, "")
    return " on ".join(filter(None, [name or "A browser", where]))


def _first(known: Mapping[str, tuple[str, ...]], said: str) -> str:
    return next((code for code, marks in known.items() if any(mark in said for mark in marks)), "other")
