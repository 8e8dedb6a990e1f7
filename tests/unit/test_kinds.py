"""A scenario chooses fronts, models and engines by what was declared; the spelling of version 0.1 is still read."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import lab
from lab.analysis.across import unlike
from lab.cli.plan import plan as print_plan
from lab.engines.process.refusals import check_plain
from lab.errors import ScenarioError
from lab.plan.arm_topology import build_topology, nominal_ports
from lab.plan.blocks import build_plan
from lab.plan.fronts.front import front_title
from lab.plan.fronts.nginx import NGINX, Nginx
from lab.record.folder import read_info
from lab.record.reading import read_trials
from lab.record.types import TrialState
from lab.run.conclude import conclude
from lab.run.run import planned, resume_run
from lab.run.view import QuietView
from lab.scenario.file import json_schema, read_scenario, scenario_from_json, scenario_to_json
from lab.scenario.kinds import ENGINES, FRONTS, MODELS
from tests.builders import REPLICAS, WORKERS, make_scenario
from tests.fake_surroundings import FakeSurroundings
from tests.unit.test_cli_execute import cut
from tests.unit.test_scenario_file import GOOD, refusal, write

OLD_DEFAULTS = {"balance": "round_robin", "profile": "tuned"}  # stored by version 0.1 in every arm, fronted or not


def arm_of(**keys: Any) -> Mapping[str, Any]:
    """The second arm of a scenario, as it is stored."""
    stored: Mapping[str, Any] = scenario_to_json(make_scenario([WORKERS, {**REPLICAS, **keys}]))["arms"][1]
    return stored


def test_a_kind_alone_is_the_kind_with_its_defaults() -> None:
    """Both spellings give the same scenario, which is stored in the longer one."""
    assert arm_of(front="nginx", model="replicas") == arm_of(front={"kind": "nginx"}, model={"kind": "replicas"})
    assert OLD_DEFAULTS.items() <= arm_of()["front"].items()
    assert list(arm_of()["front"]) == ["kind", *FRONTS.option_names("nginx")]
    assert arm_of()["model"] == {"kind": "replicas"}


def test_options_of_a_front_as_keys_of_the_arm_are_shown_in_its_table() -> None:
    """As version 0.1 had them; nothing of the old spelling is stored."""
    old = arm_of(balance="least_conn", profile="stock")

    assert old == arm_of(front={"kind": "nginx", "balance": "least_conn", "profile": "stock"})
    assert not {"balance", "profile"} & old.keys()
    assert front_title(make_scenario([WORKERS, {**REPLICAS, "profile": "stock"}]).arms[1]) == "nginx (stock)"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('front = "ngin"', "arms[1].front: unknown front 'ngin': did you mean 'nginx'?"),
        ('front = { kind = "ngin" }', "arms[1].front: unknown front 'ngin': did you mean 'nginx'?"),
        ('front = { balance = "random" }', 'arms[1].front: expected a front such as "direct" or { kind = "direct" }'),
        ("front = 7", 'arms[1].front: expected a front such as "direct"'),
        ('front = { kind = "nginx", balanc = "x" }', "front 'nginx': unknown option 'balanc': did you mean 'balance'?"),
        ('front = { kind = "nginx", balance = "rand" }', 'arms[1].front: balance: expected "round_robin"'),
        ('front = { kind = "direct", balance = "random" }', "'balance' is an option of front 'nginx'"),
        ('front = { kind = "direct", x = 1 }', "front 'direct': unknown option 'x': known are tls"),
        ('front = "direct"\nbalance = "random"', '"balance" needs front = "nginx"'),
        ('front = { kind = "nginx", balance = "random" }\nbalance = "random"', '"balance" is given twice'),
    ],
)
def test_a_wrong_choice_is_named_with_the_nearest_one(tmp_path: Path, line: str, expected: str) -> None:
    """An unknown kind, an option of another front, an option that stands in two places."""
    assert expected in refusal(tmp_path, GOOD.replace('front = "nginx"', line))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('engine = "dokcer"', "engine: unknown engine 'dokcer': did you mean 'docker'?"),
        ('images = { ngnix = "x" }', "images: unknown image 'ngnix': did you mean 'nginx'?"),
        ("images = { nginx = 1 }", "images: nginx: expected the name of an image, such as 'nginx:stable'"),
        ('images = "nginx:1"', "images: expected a table"),
    ],
)
def test_engines_and_images_are_those_that_were_declared(tmp_path: Path, line: str, expected: str) -> None:
    """Each with its nearest valid name."""
    assert expected in refusal(tmp_path, f"{line}\n{GOOD}")


def test_the_schema_shows_the_new_spelling() -> None:
    """A kind, or a table for each kind; the old keys of an arm are accepted, and not offered."""
    arm = json_schema()["$defs"]["Arm"]["properties"]
    kinds, *tables = arm["front"]["anyOf"]

    assert kinds["enum"] == list(FRONTS)
    assert [table["properties"]["kind"]["const"] for table in tables] == list(FRONTS)
    assert all(table["required"] == ["kind"] for table in tables)
    assert arm["model"]["anyOf"][0]["enum"] == list(MODELS)
    assert not {"balance", "profile"} & arm.keys()


def test_two_declarations_of_one_name_are_refused() -> None:
    """Otherwise the order of imports would decide what an arm is."""
    FRONTS.add(NGINX)  # the same again is no other one
    with pytest.raises(ValueError, match="two fronts are called 'nginx'"):
        FRONTS.declare(Nginx().kind, FRONTS["direct"])


def in_the_old_spelling(path: Path) -> None:
    """run.json of a run as version 0.1 would have stored it."""
    document = json.loads((path / "run.json").read_text())
    for arm in document["scenario"]["arms"]:
        front, model = arm["front"], arm["model"]
        arm |= OLD_DEFAULTS | {"front": front["kind"], "model": model["kind"]}
        del arm["command"]
    (path / "run.json").write_text(json.dumps(document))


def test_a_run_of_the_version_before_is_read_continued_and_compared(tmp_path: Path) -> None:
    """Its scenario is the same, its trials are its own, and nothing but the spelling differs from a run of today."""
    around = FakeSurroundings()
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    old, new = (cut(tmp_path / name, around, done=3) for name in ("old", "new"))
    before = read_info(old)
    in_the_old_spelling(old)
    assert '"balance"' in (old / "run.json").read_text()

    assert read_info(old) == before
    assert len(list(read_trials(old, read_info(old)))) == 3
    resume_run(planned(old), old, QuietView(), around=around.make())
    resume_run(planned(new), new, QuietView(), around=around.make())

    assert set(read_info(old).states.values()) == {TrialState.DONE}
    assert conclude(old).comparison == conclude(new).comparison
    in_the_old_spelling(old)
    different = {found.key for arm in ("workers", "replicas") for found in unlike(read_info(old), read_info(new), arm)}
    assert different <= {"scenario.load.locustfile", "inputs.locustfile"}, "each has its own folder"


def test_a_stored_scenario_in_the_old_spelling_is_the_same_scenario() -> None:
    """Also one whose arm has no front, with the defaults of a front it never had."""
    scenario = make_scenario()
    stored = scenario_to_json(scenario)
    for arm in stored["arms"]:
        arm |= OLD_DEFAULTS | {"front": arm["front"]["kind"], "model": arm["model"]["kind"]}

    assert scenario_from_json(stored) == scenario


def test_an_arm_may_have_a_command_of_its_own() -> None:
    """It replaces the app's in this arm and in no other."""
    given = make_scenario(
        [WORKERS, {**REPLICAS, "command": "serve -p {port}"}],
        app={"image": "x:1", "command": "serve {port} -w {workers}"},
    )
    argv = {}
    for trial in build_plan(given, 1).trials:
        services = build_topology(given, trial, nominal_ports(given, trial.arm)).services
        argv[trial.arm.name] = next(service.argv for service in services if service.name.startswith("app"))

    assert argv["workers"] == ("serve", "20000", "-w", "4")
    assert argv["replicas"][:2] == ("serve", "-p")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("serve {port}", "arms[].command, or a value of env, needs the placeholder {workers}"),
        ("serve -w {workers}", "arms[].command, or a value of env, needs the placeholder {port}"),
        ("serve {port} {workers} --password=hunter2", "arms[0].command: holds a password"),
    ],
)
def test_a_command_of_an_arm_is_checked_as_that_of_the_app(tmp_path: Path, command: str, expected: str) -> None:
    """Placeholders that its process model needs, and no secrets."""
    line = f'front = "direct"\ncommand = "{command}"'

    assert expected in refusal(tmp_path, GOOD.replace('front = "direct"', line))


def test_plain_processes_have_no_command_of_an_image(tmp_path: Path) -> None:
    """Neither for the app nor for one arm."""
    line = 'front = "direct"\ncommand = "{image}"\nenv = { PORT = "{port}", N = "{workers}" }'
    scenario = read_scenario(write(tmp_path, GOOD.replace('front = "direct"', line)))

    with pytest.raises(ScenarioError, match='arm "workers": command'):
        check_plain(scenario)


def test_the_plan_prints_titles_and_every_configuration_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an arm is in words, and each file with the first arm that has it."""
    print_plan(write(tmp_path, GOOD.replace('front = "nginx"', 'front = "nginx"\nprofile = "stock"')), everything=True)
    shown = capsys.readouterr().out

    assert "front nginx (stock)" in shown
    assert shown.count("/etc/lab/nginx.conf of arm replicas") == 1
    print_plan(tmp_path / "scenario.toml", json=True)
    document = json.loads(capsys.readouterr().out)
    assert document["scenario"]["arms"][1]["front"] == arm_of(profile="stock")["front"]


@pytest.mark.parametrize("kind", [kind for kind in FRONTS if kind != "direct"])
def test_nobody_but_its_own_file_knows_a_front_by_name(kind: str) -> None:
    """Its file, its template, and the line that declares it; of nginx also what measures the ceiling."""
    room = Path(lab.__file__).parent
    naming = {str(path.relative_to(room)) for path in room.rglob("*.py") if kind in words_of(path)}

    assert naming - {"run/calibration.py"} == {f"plan/fronts/{kind}.py", "plan/fronts/__init__.py"}


def test_nobody_asks_an_engine_by_its_name() -> None:
    """What it is its declaration says; the one exception reads runs that did not record it yet."""
    room = Path(lab.__file__).parent
    asking = {str(path.relative_to(room)) for path in room.rglob("*.py") if compared_with(path) & set(ENGINES)}

    assert asking == {"record/run_types.py"}


def compared_with(path: Path) -> set[str]:
    """The texts to which a module compares what is called engine."""
    found = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Compare)]
    sides = [[ast.unparse(each).strip("'") for each in (node.left, *node.comparators)] for node in found]
    return {side for each in sides if any(text.endswith("engine") for text in each) for side in each}


def words_of(path: Path) -> set[str]:
    """Texts of a module that are one word, and the last parts of the modules that it imports."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    imports = {
        f"{node.module}.{name.name}" for node in nodes if isinstance(node, ast.ImportFrom) for name in node.names
    }
    return texts | {part for name in imports if ".fronts" in name for part in name.split(".")}
