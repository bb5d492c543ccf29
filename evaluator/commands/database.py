"""`debrief db`: bring the database to this version, or check that it is."""

import typer

from evaluator.commands.context import services
from evaluator.commands.output import out, put, put_json
from evaluator.embedded import Part
from migrations import history

app = typer.Typer(help="The database's migrations.", no_args_is_help=True)


@app.command()
def upgrade() -> None:
    """Run the migrations that are missing; none lost, none twice."""
    with services(Part.DATABASE, check_database=False) as found:
        before, after = history.upgrade(found.database)
        where = found.database.where
    if out.json:
        put_json({"before": before, "after": after})
    elif before == after:
        put(f"{where} is at {after}, nothing to do.")
    else:
        put(f"{where}: {before or 'empty'} -> {after}")


@app.command()
def check() -> None:
    """Exit 0 when the database is at this version's migrations, 4 otherwise."""
    with services(Part.DATABASE) as found:
        where = found.database.where
    if out.json:
        put_json({"at": history.head()})
    else:
        put(f"{where} is at {history.head()}.")
