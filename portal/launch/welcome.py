"""The demo's first screen: three links and a story of five steps."""

from typing import Any

from portal.launch.environment import Place

SCREEN = """
──────────────────────────────────────────────────────────────────────────────────────────
 Ebb is running.  This is a DEMO: its customers are made up, its keys lie on this machine,
 and anyone at this machine can sign in with these links.  Never put real messages in it.

 Over plain http it works in Chromium, Chrome, Edge and Firefox (Safari needs https).

 A customer's inbox   {customer}
                      ({name}, by the name that the author looks for)
 An author's console  {author}
 An officer's archive {officer}

 The story, in five steps:
  1  Open the customer's link in one window and the author's link in another.
  2  As the author, write {name} a message that lives for one minute. Watch it arrive.
  3  Wait a minute: it goes from the inbox and from the console, and its key is destroyed.
  4  Lose the phone: as the author, wipe the customer's device. The inbox empties itself.
  5  As the officer, open the message's record with the archive passphrase, and prove it.

 Archive passphrase   {passphrase}
 Everything else      {file}  (links for staff in all eight roles, passwords, API keys)
 Start a business     {url}/  (its letters lie in the folder below)
 Letters to customers {mail}  (nothing leaves this machine: e-mails are files there)
 Logs                 {logs}

 Ctrl-C stops all of it; `./run demo` goes on where it stopped.
──────────────────────────────────────────────────────────────────────────────────────────"""


def screen(place: Place, demo: dict[str, Any]) -> str:
    business = demo["businesses"][0]
    return SCREEN.format(
        customer=business["customers"][0]["enrolment_url"],
        name=business["customers"][0]["name"],
        author=link_of(business, "author"),
        officer=link_of(business, "officer"),
        url=place.url,
        passphrase=business["archive_passphrase"],
        file=place.data / "demo.json",
        mail=place.mail,
        logs=place.data / "log",
    )


def link_of(business: dict[str, Any], role: str) -> str:
    """The one-click link of the first member of staff whose role is `role` (`compliance_officer` counts as officer)."""
    return next((person["link"] for person in business["staff"] if role in person["role"]), "(none)")
