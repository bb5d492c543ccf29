"""`debrief agent`: interviews in rooms and in the terminal, phrases spoken beforehand, and what it all cost."""

from typing import TYPE_CHECKING, Annotated

import typer

from evaluator.commands.agent_console import console
from evaluator.commands.agent_room import listen, start
from evaluator.commands.agent_send import send
from evaluator.commands.agent_speech import prewarm
from evaluator.commands.context import services
from evaluator.commands.output import out, put, put_json, put_table
from evaluator.embedded import Part
from evaluator.errors import NotFound

if TYPE_CHECKING:
    from live_agent.routing import Share

app = typer.Typer(help="The live interview agent.", no_args_is_help=True)

_SHARE_COLUMNS = ("task", "requests", "answered", "failed", "skipped", "tokens", "cost", "of requests", "of cost")


app.command()(console)
app.command()(start)
app.command()(listen)
app.command()(prewarm)
app.command()(send)


@app.command()
def report(interview: Annotated[str, typer.Argument(help="an interview that the agent led")]) -> None:
    """What an interview's models and voices did and cost, by type of task."""
    from live_agent.accounting import accounts_of

    with services(Part.STORE) as found:
        accounts = accounts_of(found.store, interview)
    if not accounts:
        raise NotFound(f"interview {interview}: there is no account; the agent leaves one at the end of an interview")
    if out.json:
        put_json([account.model_dump(mode="json") for account in accounts])
        return
    for account in accounts:
        put(account.line)
        if account.models:
            put_table(_SHARE_COLUMNS, [_share_row(share) for share in account.models], right=frozenset(range(1, 7)))


def _share_row(share: "Share") -> tuple[str, ...]:
    usage = share.usage
    counts = (usage.requests, usage.answered, usage.failed, usage.skipped, usage.tokens)
    cost = "-" if usage.cost is None else str(usage.cost)
    shares = ("-" if part is None else f"{part:.0%}" for part in (share.of_requests, share.of_cost))
    return (share.task, *map(str, counts), cost, *shares)
