"""Start what ``lab export --to kubernetes`` writes with ``podman kube play``, and ask the app in its pods.

Run as root: .venv/bin/python -m benchmarks.pods (``scripts/system pods kubectl`` installs what it takes)
Podman knows Deployments and their pods, but no Services, no Ingress and no probes without systemd. So of every model
that needs no front one pod is started, as it is written: command, limits, folders in memory, rights. (Of podman 4.3
an init container that has ended stays "running" where nobody reaps it, so there is none.) In a network and with storage
of its own; nothing stays. Exit code 1 where one does not serve.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import docker
import yaml

from lab.engines.docker.connection import connect
from lab.engines.images.prepare import prepare_images
from lab.export.target import TARGETS
from lab.scenario.kinds import MODELS
from lab.scenario.model import Arm
from tests.exports import deployment, measured
from tests.integration.conftest import app_of_repository, scenario_of

NETWORK = "lab-pods"
PROCESSES = 2
# For where neither systemd nor the right to raise limits is there, as in a container.
CONFIGURATION = """
[containers]
default_ulimits = ["nproc=4096:4096", "nofile=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
"""
ASK = """
import sys, time, urllib.request
give_up_at, served = time.monotonic() + 30, set()
while len(served) < int(sys.argv[1]) and time.monotonic() < give_up_at:
    try:
        with urllib.request.urlopen("http://127.0.0.1:8000/ready", timeout=5) as answer:
            served.add(answer.headers["X-Served-By"])
    except OSError:  # not yet up
        time.sleep(0.1)
print(len(served))
"""


class Podman:
    """Podman with all that it keeps in ``folder``, in a network of its own."""

    def __init__(self, folder: Path) -> None:
        (folder / "networks").mkdir()
        (folder / "containers.conf").write_text(CONFIGURATION.format(folder=folder))
        places = ["--root", str(folder / "root"), "--runroot", str(folder / "run")]
        self._command = ["podman", *places, "--storage-driver", "overlay"]
        self._environment = {
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        }

    def __call__(self, *words: str) -> str:
        """What it said. Raises RuntimeError with that where it failed."""
        done = inside([*self._command, *words], self._environment)
        if done.returncode:
            raise RuntimeError(f"podman {' '.join(words)}: {done.stderr}")
        return done.stdout


def inside(command: Sequence[str], environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in the network of the pods."""
    entered = ["nsenter", f"--net=/run/netns/{NETWORK}", *command]
    return subprocess.run(entered, capture_output=True, text=True, timeout=300, check=False, env=environment)


@contextmanager
def podman() -> Iterator[Podman]:
    """One of its own, of which nothing stays."""
    with TemporaryDirectory(prefix="lab-pods-") as folder:
        subprocess.run(["ip", "netns", "add", NETWORK], check=True)
        own = Podman(Path(folder))
        try:
            subprocess.run(["ip", "-n", NETWORK, "link", "set", "lo", "up"], check=True)
            yield own
        finally:
            own("pod", "rm", "--all", "--force")
            own("rmi", "--all", "--force")
            subprocess.run(["ip", "netns", "delete", NETWORK], check=True)


def carry(client: docker.DockerClient, own: Podman, name: str, folder: Path) -> None:
    """Give podman an image that Docker has."""
    archive = folder / "image.tar"
    with archive.open("wb") as file:
        file.writelines(client.images.get(name).save(named=name))
    own("load", "--input", str(archive))
    archive.unlink()


def manifests(model: str, name: str, folder: Path) -> Path:
    """What ``kubectl kustomize`` makes of an arm of this model, with the image filled in."""
    given = deployment(
        {"name": "arm", "model": model, "front": "direct"},
        measured(),
        app={"image": name, "entrypoint": "", "volumes": [{"path": "/data", "size": "16MiB"}]},
        budget={"processes": PROCESSES, "memory": "split:512MiB"},
    )
    for file in TARGETS["kubernetes"].files(given):
        (folder / file.name).write_text(file.text)
    filled = yaml.safe_load((folder / "kustomization.yaml").read_text())
    where, _, tag = name.rpartition(":")
    filled["images"] = [{"name": "app", "newName": f"localhost/{where}", "newTag": tag}]
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(filled))
    built = subprocess.run(["kubectl", "kustomize", folder], check=True, capture_output=True, text=True, timeout=60)
    path = folder / "all.yaml"
    path.write_text(built.stdout)
    return path


def serving(own: Podman, path: Path) -> tuple[int, float]:
    """How many processes of the pod answered, and after how long all had."""
    started = time.monotonic()
    own("kube", "play", str(path))
    try:
        asked = inside([sys.executable, "-c", ASK, str(PROCESSES)])
        return int(asked.stdout), time.monotonic() - started
    finally:
        own("kube", "down", str(path))


def main() -> int:
    """Print of each model how many processes of its pod answered."""
    models = [name for name, model in MODELS.items() if model.one_address]
    arm = scenario_of(Arm(name="workers", model="workers", front="direct"), app=app_of_repository(build_args={}))
    failed = 0
    with closing(connect()) as client, podman() as own, TemporaryDirectory(prefix="lab-pods-") as place:
        name = prepare_images(client, arm, print)["app"].name
        carry(client, own, name, Path(place))
        print(own("--version").strip())
        for model in models:
            folder = Path(place) / model
            folder.mkdir()
            answered, took_s = serving(own, manifests(model, name, folder))
            failed += answered < 1
            print(f"{model:12} {answered} of {PROCESSES} processes answered, after {took_s:.1f} s")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
