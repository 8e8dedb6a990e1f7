"""`lab doctor --scenario`: whether what the app of a scenario builds on can be had, before anything is built."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab.engines.images.offline.bases import stand_in
from lab.run.doctor import examine_images
from lab.scenario.app import App
from lab.scenario.images import PYTHON
from tests.builders import make_scenario
from tests.fake_images import FakeDocker

OWN = "FROM python:3.14\nCOPY --from=tools:1 /x /x\nCMD fastapi run\n"


def found_for(app: App, engine: FakeDocker, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, str]]:
    monkeypatch.setattr("lab.run.doctor.connect", lambda: engine)
    scenario = replace(make_scenario(), app=app)
    return {each.subject: (each.state, each.sentence) for each in examine_images(scenario)}


def test_each_image_that_a_dockerfile_names_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that no registry has is missing, with what to do; nothing is pulled."""
    (tmp_path / "Dockerfile").write_text(OWN)
    engine = FakeDocker(registry={"tools:1"})
    found = found_for(App(build=tmp_path), engine, monkeypatch)

    assert found["image python:3.14"][0] == "missing"
    assert "docker pull python:3.14" in found["image python:3.14"][1]
    assert "write `ARG PYTHON_IMAGE=python:3.14` and then `FROM ${PYTHON_IMAGE}`" in found["image python:3.14"][1]
    assert "then fills with images.python of the scenario (python:3.13-slim unless" in found["image python:3.14"][1]
    assert found["image tools:1"][0] == "ok"
    assert engine.present == set()


def test_a_base_that_the_lab_may_choose_is_no_concern_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be built here, and is told without a scenario."""
    (tmp_path / "Dockerfile").write_text("ARG PYTHON_IMAGE=python:3.13-slim\nFROM ${PYTHON_IMAGE}\n")

    assert found_for(App(build=tmp_path), FakeDocker(), monkeypatch) == {}


def test_a_base_that_stands_in_does_not_help_where_from_is_fixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The finding says so: without a scenario the same image is told to be here. Another base has no such way out."""
    (tmp_path / "requirements.txt").write_text("fastapi\n")
    (tmp_path / "Dockerfile").write_text(f"FROM {PYTHON.reference}\nCOPY --from=node:22 /x /x\n")
    engine = FakeDocker(present={stand_in(PYTHON)})
    found = found_for(App(build=tmp_path, requirements=tmp_path / "requirements.txt"), engine, monkeypatch)

    state, sentence = found[f"image {PYTHON.reference}"]
    assert (state, "the app's Dockerfile fixes FROM" in sentence) == ("missing", True)
    assert "ARG" not in found["image node:22"][1]


def test_the_image_of_the_app_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is not built."""
    assert found_for(App(image="shop:1"), FakeDocker(present={"shop:1"}), monkeypatch)["image shop:1"][0] == "ok"
