"""`debrief cost`: what was spent, and what a volume of interviews would cost."""

import typer

from evaluator.commands import cost_measured, cost_plan

app = typer.Typer(help="What evaluations cost, measured; and what a volume of interviews would.", no_args_is_help=True)

app.command("plan")(cost_plan.plan)
app.command("month")(cost_measured.month)
app.command("run")(cost_measured.run)
app.command("interview")(cost_measured.interview)
