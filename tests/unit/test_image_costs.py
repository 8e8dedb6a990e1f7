"""`lab images`: what is built how often and in which order, whose bytes are whose, and what is refused before."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from lab.cli import app, images
from lab.engines.images import measure
from lab.engines.images.build import Recipe
from lab.engines.images.measure import ImageCost, edited_file, layer_sizes, measure_images
from lab.engines.images.offline.wheelhouse import requirements_text
from lab.engines.images.prepare import Ingredients
from lab.errors import LabError, MissingError, ScenarioError
from lab.record.run_types import EngineFacts
from lab.scenario.app import App

SIZES = {"base": 1000, "apt": 0, "pip": 500, "uv": 400, "app": 10, "edited": 12}


class FakeEngine:
    """Images by name, as lists of layers; a save writes those that are the same again as links, as Docker does."""

    def __init__(self, **images: Sequence[str]) -> None:
        self.layers = dict(images)
        self.images = SimpleNamespace(get=self._get, remove=self._remove)
        self.removed: list[str] = []

    def _get(self, name: str) -> Any:
        layers = self.layers[name]
        return SimpleNamespace(id=name, attrs={"RootFS": {"Layers": layers}}, save=lambda: self._save(layers))

    def _remove(self, name: str) -> None:
        self.removed.append(name)

    def _save(self, layers: Sequence[str]) -> Iterator[bytes]:
        archive, seen = io.BytesIO(), dict[str, str]()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for place, layer in enumerate(layers):
                info = tarfile.TarInfo(f"{place}/layer.tar")
                if layer in seen:
                    info.type, info.linkname = tarfile.SYMTYPE, seen[layer]
                    tar.addfile(info)
                    continue
                info.size = SIZES[layer]
                seen[layer] = info.name
                tar.addfile(info, io.BytesIO(bytes(info.size)))
            text = json.dumps([{"Layers": [f"{place}/layer.tar" for place in range(len(layers))]}]).encode()
            info = tarfile.TarInfo("manifest.json")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
        yield archive.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "api.py").write_text("app = 1\n")
    for name in ("Dockerfile", "Dockerfile.uv"):
        (tmp_path / name).write_text("FROM scratch\nCOPY shop shop\n")
    return tmp_path


def shops(folder: Path) -> list[App]:
    return [App(build=folder, dockerfile=name, target="shop.api:app") for name in ("Dockerfile", "Dockerfile.uv")]


def test_bytes_of_a_layer_are_counted_once() -> None:
    """Two that are the same are one, of which the second is saved as a link."""
    assert layer_sizes(FakeEngine(x=["base", "apt", "apt", "pip"]), "x") == {"base": 1000, "apt": 0, "pip": 500}


def test_images_are_built_in_turn_and_nothing_of_them_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cold, warm, edited: forwards, then backwards; the edit is a line that was never there, and not in the folder."""
    engine, order, edits = FakeEngine(python=["base", "apt"]), list[str](), list[str]()

    def build(_client: object, context: Any, name: str, *, cached: bool, **_: Any) -> float:
        text, edited = (context.root / "shop" / "api.py").read_text(), name.endswith("-edited")
        own = "uv" if context.dockerfile.endswith("uv") else "pip"
        engine.layers[name] = ["base", "apt", own, "edited" if edited else "app"]
        order.append(f"{own} {'edited' if edited else 'warm' if cached else 'cold'}")
        edits.extend([text] if edited else [])
        assert edited == ("edited by the lab" in text)
        return float(len(order))

    offline = Ingredients(recipe=Recipe(arguments={}, offline=True), base="python", wheelhouse=None)
    monkeypatch.setattr(measure, "build_image", build)
    monkeypatch.setattr(measure, "ingredients_of", lambda *_: offline)
    monkeypatch.setattr(measure, "ask_python", lambda *_, program: "0.25")
    monkeypatch.setattr(measure, "_id_of", lambda _client, name: name if name in engine.layers else "")
    pip, uv = measure_images(engine, shops(folder), 2, lambda _step: None)

    kinds = ("cold", "warm", "edited")
    assert order == [f"{own} {kind}" for own in ("pip", "uv", "uv", "pip") for kind in kinds]
    assert len(set(edits)) == 2, "a line of its own in each round"
    assert (folder / "shop" / "api.py").read_text() == "app = 1\n"
    assert (pip.cold_s, pip.warm_s, pip.edited_s, pip.import_s) == ((1, 10), (2, 11), (3, 12), (0.25, 0.25))
    assert (pip.shared_bytes, pip.unique_bytes, pip.edit_bytes) == (1010, 500, 12)
    assert (uv.shared_bytes, uv.unique_bytes, uv.offline) == (1010, 400, True)
    assert set(engine.removed) == engine.layers.keys() - {"python"}


def test_the_file_that_is_edited_is_that_of_the_app(folder: Path) -> None:
    """Or the package's; where neither is in the build there is nothing to edit."""
    first, _ = shops(folder)
    assert edited_file(first) == "shop/api.py"
    (folder / "shop" / "__init__.py").write_text("")
    assert edited_file(App(build=folder, target="shop:app")) == "shop/__init__.py"
    with pytest.raises(ScenarioError, match=r"the build has no main\.py"):
        edited_file(App(build=folder, target="main:app"))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["nowhere"], "there is no folder nowhere"),
        (["{folder}", "--requirements", "no.txt"], "--requirements: no.txt cannot be read"),
        (["{folder}", "--dockerfile", "Dockerfile.x"], "has no Dockerfile.x"),
        (["{folder}", "--target", "shop"], "'shop' is no module:name"),
        (["{folder}"], "the build has no app/main.py"),
        (["{folder}", "--target", "shop.api:app"], "no Docker engine answers"),
    ],
)
def test_what_cannot_be_measured_is_a_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], sentence: str
) -> None:
    """Before anything is built, and before Docker is asked."""

    def connect() -> None:
        raise MissingError("no Docker engine answers")

    monkeypatch.setattr(images, "connect", connect)
    words = [word.format(folder=folder) for word in options]
    error = CliRunner().invoke(app, ["images", *words]).exception

    assert isinstance(error, LabError)
    assert sentence in str(error)


@pytest.mark.parametrize("rounds", [1, 6])
def test_the_table_has_the_ways_side_by_side(folder: Path, monkeypatch: pytest.MonkeyPatch, rounds: int) -> None:
    """Medians with their range; few rounds are a look. As JSON every number is there."""
    cost = ImageCost(
        dockerfile="Dockerfile",
        offline=True,
        cold_s=(20.0, 30.0, 25.0),
        warm_s=(0.5,),
        edited_s=(2.0,),
        import_s=(0.4,),
        shared_bytes=2**20,
        unique_bytes=3 * 2**20,
        edit_bytes=1024,
    )
    monkeypatch.setattr(images, "connect", lambda: None)
    monkeypatch.setattr(images, "describe", lambda _client: EngineFacts(storage_driver="overlay2"))
    monkeypatch.setattr(images, "measure_images", lambda *_: (cost,))
    words = ["images", str(folder), "--target", "shop.api:app", f"--rounds={rounds}", "--allow-concurrent"]
    table, document = (CliRunner().invoke(app, [*words, *more]).stdout for more in ([], ["--json"]))

    assert "25.00 s (20.00–30.00 s)" in table
    assert "3.0 MiB" in table
    how = "medians of 6 rounds in turn (least to most)" if rounds > 1 else "one round"
    assert f"{how}, without network; storage driver overlay2" in table
    assert ("a look, not a comparison" in table) == (rounds == 1)
    assert json.loads(document)["images"][0]["cold_s"] == [20.0, 30.0, 25.0]


def test_a_requirements_file_may_include_others(tmp_path: Path) -> None:
    """From its own folder; neither itself nor what is not there."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "all.txt").write_text("# all\n-r app.txt\n--requirement deep/uv.txt\n")
    (tmp_path / "app.txt").write_text("a==1 \\\n    --hash=sha256:aa\n")
    (tmp_path / "deep" / "uv.txt").write_text("uv==2\n")
    assert requirements_text(tmp_path / "all.txt") == "# all\na==1 \\\n    --hash=sha256:aa\nuv==2\n"

    (tmp_path / "app.txt").write_text("-r all.txt\n")
    with pytest.raises(MissingError, match="includes itself"):
        requirements_text(tmp_path / "all.txt")
    (tmp_path / "app.txt").unlink()
    with pytest.raises(MissingError, match=r"app\.txt cannot be read: No such file"):
        requirements_text(tmp_path / "all.txt")
