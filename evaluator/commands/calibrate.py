"""`debrief calibrate`: measure how far a judge's levels can be relied on."""

import typer

from evaluator.commands.calibrate_agreement import agreement
from evaluator.commands.calibrate_noise import noise

app = typer.Typer(help="Measure a judge: its noise, its agreement with people.", no_args_is_help=True)
app.command()(noise)
app.command()(agreement)
