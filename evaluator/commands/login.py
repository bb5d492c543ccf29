"""`debrief login`: a link that signs a browser on this machine in, as its administrator."""

from typing import Annotated

import typer

from evaluator.commands.context import services
from evaluator.commands.output import out, put, put_json
from evaluator.embedded import Part
from evaluator.errors import UsageFault
from evaluator.settings import read_settings
from evaluator.web.entrance import local_login_link
from evaluator.web.identity import LINK_LASTS, Access, access_of, entering_address
from evaluator.wiring import Services


def login(
    port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="of the pages; DEBRIEF_WEB_PORT if left out")
    ] = None,
) -> None:
    """Print a new link that signs a browser on this machine in, once."""
    settings = read_settings()
    if not access_of(settings).one_machine:
        raise UsageFault(
            f"people sign in at {settings.web_url}, with the login provider; links are for one machine alone"
        )
    with services(Part.DATABASE) as found:
        link = login_link(found, f"http://127.0.0.1:{settings.web_port if port is None else port}")
    if out.json:
        put_json({"url": link, "lasts_s": int(LINK_LASTS.total_seconds())})
    else:
        put(link)


def login_link(found: Services, pages: str) -> str:
    """The address that opens a session, once; a secret for LINK_LASTS."""
    with found.database.begin() as db:
        return entering_address(pages, local_login_link(db))


def announce(found: Services, access: Access, url: str) -> None:
    """Where the pages are, and how to get in. url: where they are served."""
    if access.one_machine:
        put(f"Pages: {url}")
        put(f"Sign in: {login_link(found, url)}")
        put("The link works once, for 15 minutes; another one: debrief login")
    else:
        put(f"Pages: {access.web_url} (served at {url})")
