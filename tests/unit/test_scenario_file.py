"""A scenario file is refused with the file, the key, what was expected and the nearest valid name."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import ScenarioError
from lab.scenario.file import json_schema, read_scenario, scenario_from_json, scenario_to_json

GOOD = """
question = "Which?"
[app]
image = "shop:1"
[budget]
processes = 2
[[arms]]
name = "workers"
model = "workers"
front = "direct"
[[arms]]
name = "replicas"
model = "replicas"
front = "nginx"
[load]
locustfile = "locustfile.py"
rate = 50
"""


def write(folder: Path, text: str) -> Path:
    (folder / "locustfile.py").write_text("")
    path = folder / "scenario.toml"
    path.write_text(text)
    return path


def refusal(folder: Path, text: str) -> str:
    path = write(folder, text)
    with pytest.raises(ScenarioError) as caught:
        read_scenario(path)
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith(str(path)), "the sentence opens with the file"
    return str(caught.value)


def test_defaults_fill_what_the_file_leaves_out(tmp_path: Path) -> None:
    """Only question, app, arms, budget.processes and load.locustfile must be given."""
    scenario = read_scenario(write(tmp_path, GOOD))

    assert scenario.baseline == "workers"
    assert scenario.trials.blocks == 10
    assert scenario.load.lanes == 32
    assert scenario.load.locustfile == tmp_path / "locustfile.py"


def test_a_resolved_scenario_survives_json(tmp_path: Path) -> None:
    """What run.json stores is read back as the same scenario."""
    text = GOOD.replace("processes = 2", 'processes = 2\ncpus = "pooled:1.5"\nmemory = "split:1GiB"')
    scenario = read_scenario(write(tmp_path, text))

    assert scenario_from_json(scenario_to_json(scenario)) == scenario


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("rate =", "rat =", "load.rat: unknown key; did you mean 'rate'?"),
        ("[budget]", "[bugdet]", "bugdet: unknown key; did you mean 'budget'?"),
        ('front = "direct"', 'fornt = "direct"', "arms[0].fornt: unknown key; did you mean 'front'?"),
        ("processes = 2", "processes = 0", "budget.processes: expected 1 or more, got 0"),
        ("processes = 2", 'processes = "2"', "budget.processes: expected a whole number"),
        ("processes = 2", 'processes = 2\ncpus = "pool:2"', 'budget.cpus: expected "none", "pooled:2.0" or'),
        ("processes = 2", 'processes = 2\nmemory = "split:0MiB"', "the amount must be above zero"),
        (
            "processes = 2",
            'processes = 2\nmemory = "pooled:1KiB"',
            "budget.memory: Docker gives a container no less than 6",
        ),
        ("processes = 2", 'processes = 2\nmemory = "split:8MiB"', "for 2 serving processes 12.0 MiB: got 8.0 MiB"),
        ("processes = 2", 'processes = 2\ncpus = "split:0.01"', "for 2 serving processes 0.02 of a core: got 0.01"),
        ("rate = 50", 'rate = 50\n[sweep]\nmemory = ["pooled:1MiB"]', "sweep.memory: Docker gives a container no less"),
        ('image = "shop:1"', 'image = "Shop One"', "app.image: expected the name of an image such as"),
        ('name = "replicas"', 'name = "replicas"\nimage = "x:"', "arms.replicas.image: expected the name of an image"),
        ("rate = 50", 'rate = 50\n[images]\npython = "A B"', "images.python: expected the name of an image"),
        ('model = "replicas"', 'model = "replica"', "arms[1].model: unknown model 'replica': did you mean 'replicas'?"),
        ('front = "nginx"', 'front = "direct"', 'replicas listen on one port each, so they need front = "nginx"'),
        ('name = "replicas"', 'name = "workers"', "arms need different names"),
        ('name = "replicas"', 'name = "Re plicas"', "arms[1].name"),
        ("rate = 50", "rate = 0", "load.rate: expected more than 0"),
        ("rate = 50", 'rate = 50\nmeasure = "ten"', 'load.measure: expected a duration like "500ms"'),
        ("rate = 50", 'rate = 50\n[compare]\nbaseline = "worker"', "did you mean 'workers'?"),
        ("rate = 50", 'rate = 50\n[compare]\nprimary = ["p9"]', "unknown metric 'p9': did you mean 'p99'?"),
        ('image = "shop:1"', "", 'give exactly one of "build"'),
        ('image = "shop:1"', 'image = "shop:1"\nbuild = "."', 'give exactly one of "build"'),
        ('image = "shop:1"', 'image = "shop:1"\ncommand = "serve"', "the placeholder {port} must be in it"),
        ('image = "shop:1"', 'image = "shop:1"\ncommand = "serve {port}"', "needs the placeholder {workers}"),
        ("locustfile.py", "absent.py", "load.locustfile: no such file"),
        ("locustfile.py", ".", "is no single file"),
        ("locustfile.py", "a.py,b.py", "a.py,b.py is no single file"),
        ("locustfile.py", "load/a.py,load/b.py", "load/b.py is no single file"),
        ('question = "Which?"', "question = Which?", "not valid TOML"),
        ("rate = 50", 'rate = 50\nports = "1-2"', "load.ports: unknown key; 'ports' belongs at the top level"),
        ("rate = 50", "rate = 50\n[trials]\nports = 5", "trials.ports: unknown key; 'ports' belongs at the top level"),
        ("rate = 50", "rate = 50\nblocks = 5", "load.blocks: unknown key; 'blocks' belongs in [trials]"),
        ('question = "Which?"', 'question = "Which?"\nthat = ""', "that: unknown key; 'that' belongs in [[expect]]"),
        ("processes = 2", "processes = 2\ncpu = 2", "budget.cpu: unknown key; did you mean 'cpus'?"),
        ("rate = 50", "rate = 50\nuser = 5", "load.user: unknown key; did you mean 'users'?"),
        ("rate = 50", "rate = 50\n[capacity]\nobjectve = 5", "capacity.objectve: unknown key; did you mean"),
        ('question = "Which?"', 'question = "Which?"\nports = "1-2"', 'ports: expected "LOW-HIGH"'),
    ],
)
def test_a_mistake_is_named_with_its_key(tmp_path: Path, old: str, new: str, expected: str) -> None:
    """Each mistake gives a sentence with the key, what was expected, and the nearest valid name where there is one."""
    assert old in GOOD
    assert expected in refusal(tmp_path, GOOD.replace(old, new, 1))


@pytest.mark.parametrize(
    "name",
    [
        "shop",
        "python:3.13-slim",
        "My.Registry:5000/team/shop__api:1.4",
        "shop@sha256:" + "a" * 64,
        "0123456789ab",
        "[::1]:5000/shop",
    ],
)
def test_every_name_that_an_engine_takes_is_taken(tmp_path: Path, name: str) -> None:
    """With a registry, its port, a tag, a digest, and an id."""
    assert read_scenario(write(tmp_path, GOOD.replace("shop:1", name))).app.image == name


def test_every_mistake_is_reported_at_once(tmp_path: Path) -> None:
    """A person mends the file once, not once for each mistake."""
    text = refusal(tmp_path, GOOD.replace("rate", "rat").replace("processes = 2", "processes = 0"))

    assert "load.rat" in text
    assert "budget.processes" in text


def test_a_misspelt_key_is_named_before_the_one_that_is_missing_for_it(tmp_path: Path) -> None:
    """The first sentence is the cause."""
    first, second = refusal(tmp_path, GOOD.replace("processes =", "proceses =")).splitlines()

    assert "budget.proceses: unknown key; did you mean 'processes'?" in first
    assert "budget.processes: this key is required" in second


def test_a_build_folder_needs_its_dockerfile(tmp_path: Path) -> None:
    """A folder without a Dockerfile is refused before anything starts."""
    assert "app.build: no Dockerfile in" in refusal(tmp_path, GOOD.replace('image = "shop:1"', 'build = "."'))


def test_the_schema_describes_the_quota_syntax_that_people_write() -> None:
    """Editors complete budget.cpus as text, not as the table it becomes inside."""
    budget = json_schema()["$defs"]["Budget"]["properties"]

    assert budget["cpus"]["type"] == "string"
    assert budget["memory"]["type"] == "string"


def test_a_file_that_is_no_text_is_a_sentence(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are refused, not raised."""
    path = tmp_path / "scenario.toml"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ScenarioError, match="cannot be read: it is not text in UTF-8, as TOML is$") as refused:
        read_scenario(path)
    assert "TOML" in refused.value.hint
