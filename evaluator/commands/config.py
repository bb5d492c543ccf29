"""`debrief config`: the settings in force, and what can be set."""

from typing import Annotated

import typer
from pydantic import SecretStr

from evaluator.commands.output import out, put, put_json
from evaluator.settings import Settings, read_settings

app = typer.Typer(help="The settings: DEBRIEF_* variables.", no_args_is_help=True)


def redacted(settings: Settings) -> dict[str, str | None]:
    """The settings by variable; a secret is shown as set, never itself."""
    values = {f"DEBRIEF_{name.upper()}": getattr(settings, name) for name in Settings.model_fields}
    return {
        name: None if value is None else "(set, hidden)" if isinstance(value, SecretStr) else str(value)
        for name, value in values.items()
    }


@app.command()
def show(redacted_: Annotated[bool, typer.Option("--redacted", help="secrets are always hidden")] = True) -> None:  # noqa: ARG001
    """The settings in force, secrets hidden."""
    values = redacted(read_settings())
    if out.json:
        put_json(values)
        return
    for name, value in values.items():
        put(f"{name}={value if value is not None else '(not set)'}")


@app.command()
def schema() -> None:
    """What can be set, as a JSON schema."""
    put_json(Settings.model_json_schema())
