"""nginx itself reads every configuration that the lab can write."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from lab.errors import ScenarioError
from lab.host.ports import free_ports
from lab.plan.fronts.front import FrontPlace
from lab.plan.fronts.nginx import Nginx, configuration
from lab.plan.topology import Endpoint
from lab.scenario.budget import Limits
from lab.scenario.file import read_scenario
from tests.hostile.texts import NASTY
from tests.unit.test_scenario_file import GOOD, write

pytestmark = pytest.mark.integration


def test_nginx_accepts_what_the_lab_writes_and_it_has_one_server(tmp_path: Path) -> None:
    """``nginx -t`` for every balancing method and profile: nothing else of a scenario reaches it."""
    nginx = shutil.which("nginx")
    assert nginx, "nginx is missing: apt-get install nginx-light (make test does it as root)"
    hints = get_type_hints(Nginx)
    *app, port = free_ports(3, (21000, 22999), "nginx -t")  # which binds for a moment
    place = FrontPlace(app=tuple(Endpoint(port=each) for each in app), ports=(port,), limits=Limits())
    for balance, profile in itertools.product(get_args(hints["balance"]), get_args(hints["profile"])):
        conf = tmp_path / "nginx.conf"
        conf.write_text(configuration(Nginx(balance=balance, profile=profile), place))
        done = subprocess.run(
            [nginx, "-t", "-p", str(tmp_path), "-c", str(conf)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert conf.read_text().count("server {") == 1
        assert conf.read_text().count(f"listen 127.0.0.1:{port};") == 1


@pytest.mark.parametrize("key", ["balance", "profile", "model", "front", "name"])
@pytest.mark.parametrize("text", [NASTY[0], "least_conn; } server { listen 0.0.0.0:1", "a\\nb"])
def test_words_that_nginx_conf_holds_come_from_a_closed_list(tmp_path: Path, key: str, text: str) -> None:
    """Anything else is refused before a template sees it."""
    line = f'{key} = "{text}"'.replace('"; }', '\\"; }')
    old = {"name": 'name = "replicas"', "model": 'model = "replicas"', "front": 'front = "nginx"'}.get(key)
    good = GOOD.replace(old, line) if old else GOOD.replace('front = "nginx"', f'front = "nginx"\n{line}')

    with pytest.raises(ScenarioError, match=rf"arms\[1\]\.(front: )?{key}"):
        read_scenario(write(tmp_path, good))
