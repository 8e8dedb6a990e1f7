"""Databases that Debian has: where no registry answers, an image of its packages stands in for the official one.

Only for the same major version: another one may keep its files, and plan its queries, in another way.
"""

import re
from dataclasses import replace
from importlib.resources import files

from lab.scenario.images import ImageSource

ENTRYPOINT = "/usr/local/bin/docker-entrypoint.sh"
OFFICIAL = ("docker.io/library/", "library/", "docker.io/")  # ways to write that an image is Docker's own
VERSION = re.compile(r"v?(\d+)")  # in front of a tag: "17", "17.4-alpine"; "alpine3.22" and "latest" leave it open
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def _entrypoint(name: str) -> str:
    """The hook that writes an entrypoint into the new root."""
    script = files("lab.scenario").joinpath("entrypoints", f"{name}.sh").read_text(encoding="utf-8")
    return f'cat >"$1{ENTRYPOINT}" <<\'LAB\'\n{script}LAB\nchmod 755 "$1{ENTRYPOINT}"'


POSTGRES = ImageSource(
    key="postgres",
    reference="postgres:17",
    version="17",
    packages=("postgresql-17",),
    hooks=(
        'rm -rf "$1"/var/lib/postgresql/17 "$1"/etc/postgresql/17',  # the cluster that the package makes
        'mkdir -p "$1"/var/lib/postgresql/data "$1"/var/run/postgresql',
        _entrypoint("postgres"),
    ),
    changes=(
        f"ENV PATH=/usr/lib/postgresql/17/bin:{PATH} PGDATA=/var/lib/postgresql/data LANG=C.UTF-8",
        "VOLUME /var/lib/postgresql/data",
        "VOLUME /var/run/postgresql",
        "EXPOSE 5432",
        f'ENTRYPOINT ["{ENTRYPOINT}"]',
        'CMD ["postgres"]',
    ),
)
REDIS = ImageSource(
    key="redis",
    reference="redis:8",
    version="8",
    packages=("redis-server",),
    hooks=('mkdir -p "$1"/data', _entrypoint("redis")),
    changes=(
        f"ENV PATH={PATH}",
        "WORKDIR /data",
        "VOLUME /data",
        "EXPOSE 6379",
        f'ENTRYPOINT ["{ENTRYPOINT}"]',
        'CMD ["redis-server"]',
    ),
)
STAND_INS = {source.key: source for source in (POSTGRES, REDIS)}


def source_of(reference: str) -> ImageSource:
    """The image of this name; Debian's packages stand in for a database's tag of their version, or of none."""
    name = reference
    for prefix in OFFICIAL:
        name = name.removeprefix(prefix)
    tagged, digest, _ = name.partition("@")
    title, _, tag = tagged.partition(":")
    known = STAND_INS.get(title)
    if known is None:
        return ImageSource(key="", reference=reference)
    asked = VERSION.match(tag)
    if digest or (asked and asked[1] != known.version):
        return ImageSource(key="", reference=reference, instead=known.reference)
    return replace(known, reference=reference)
