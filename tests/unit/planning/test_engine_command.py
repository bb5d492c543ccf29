"""`debrief engine fit`: the sum, line by line, and exit code 2 with the nearest choice where it does not fit."""

import json

import pytest
from typer.testing import CliRunner

from evaluator.commands.engine import app
from evaluator.commands.output import out
from evaluator.embedded import demo_judge
from evaluator.errors import UsageFault


@pytest.fixture
def run(monkeypatch):
    """Runs the command; errors are raised as they are. Returns exit code and stdout."""

    def invoke(*arguments, as_json=False):
        monkeypatch.setattr(out, "json", as_json)
        result = CliRunner().invoke(app, ["fit", *(str(argument) for argument in arguments)])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, json.loads(result.stdout) if as_json else result.stdout

    return invoke


@pytest.mark.parametrize("precision", ["bf16", "fp8", "int4", "awq"])
def test_llama_70b_on_a_g5_xlarge_is_refused_with_its_sum(run, precision):
    """Each line of it, what is there, and what would fit."""
    code, text = run("--model", "Llama-3.1-70B", "--precision", precision, "--gpu", "g5.xlarge")

    assert 2 == code
    for word in ("Weights", "KV cache", "Activations", "Needed", "Available", "21.60", "Does not fit", "fits with"):
        assert word in text
    assert [] == [line for line in text.splitlines() if len(line) > 80]


def test_what_fits_exits_with_0_and_says_for_how_many(run):
    """An 8B model at 4 bits on the same machine."""
    code, text = run("--model", "Llama-3.1-8B-AWQ", "--sequences", 32, "--gpu", "g5.xlarge")

    assert 0 == code
    assert "Llama-3.1-8B in int4 on g5.xlarge (A10G), 24 GB" in text
    assert "Fits, " in text


def test_a_configuration_and_a_memory_size(run):
    """A folder with a config.json will do, and so will any size; as JSON in bytes."""
    code, found = run("--model", demo_judge.FOLDER, "--gpu-memory-gb", 4, "--gpus", 1, as_json=True)

    assert 0 == code
    assert (True, 4_000_000_000, 2_244_320) == tuple(found[k] for k in ("fits", "gpu_memory_bytes", "parameters"))
    assert found["needed_bytes"] == sum(line["bytes"] for line in found["lines"])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--model", "Llama-3.1-8B"), "name the GPU with either --gpu"),
        (("--model", "Llama-3.1-8B", "--gpu", "T4", "--gpu-memory-gb", "16"), "name the GPU with either --gpu"),
        (("--model", "nothing", "--gpu", "T4"), "no model of the name 'nothing' is known here"),
        (("--model", "/nowhere/config.json", "--gpu", "T4"), "cannot be read"),
        (("--model", "Llama-3.1-8B", "--gpu", "T4", "--kv-cache", "int4"), "--kv-cache 'int4': it is bf16 or fp8"),
    ],
)
def test_what_cannot_be_told_is_asked_for(run, options, told):
    """By the option's name."""
    with pytest.raises(UsageFault) as caught:
        run(*options)

    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--gpu", "g4dn.xlarge", "--precision", "int4"), "The T4 has no bfloat16: serve with --dtype float16"),
        (("--gpu", "g5.xlarge", "--precision", "fp8"), "The A10G does not compute in fp8"),
    ],
)
def test_what_a_chip_lacks_is_said(run, options, told):
    """Beside the sum, which it does not change."""
    assert told in run("--model", "Llama-3.1-8B", *options)[1]
