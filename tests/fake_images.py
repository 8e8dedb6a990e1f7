"""A Docker client that knows images by name and a registry that delivers some: for decisions, without Docker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import docker.errors
import requests


class _Images(SimpleNamespace):
    def __call__(self, **_: Any) -> list[str]:
        """A list of all, as the low-level client has it: without any that could be run."""
        return []


@dataclass
class FakeDocker:
    """``present`` are images here, ``registry`` can be pulled, ``undelivered`` is offered but fails to arrive."""

    present: set[str] = field(default_factory=set)
    registry: set[str] = field(default_factory=set)
    undelivered: set[str] = field(default_factory=set)
    silent: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)
    timeout: float = 60.0
    base_url: str = "http+docker://localhost"
    asked: list[tuple[str, float]] = field(default_factory=list)

    @property
    def api(self) -> Any:
        return self

    @property
    def images(self) -> Any:
        return _Images(get=self._get, pull=self._pull)

    def info(self) -> dict[str, str]:
        return {}

    def close(self) -> None:
        """As a client's."""

    def inspect_distribution(self, name: str) -> dict[str, str]:
        self.asked.append((name, self.timeout))
        if self.silent:
            raise requests.exceptions.ReadTimeout("no answer")
        if name not in self.registry | self.undelivered:
            raise docker.errors.APIError("500", explanation="no such host\n")
        return {}

    def _get(self, name: str) -> Any:
        if name not in self.present:
            raise docker.errors.ImageNotFound(name)
        return SimpleNamespace(id=f"sha256:{name}", attrs={"RepoDigests": [], "Config": self.config})

    def _pull(self, name: str) -> None:
        if name not in self.registry:
            raise docker.errors.APIError("500", explanation="broken pipe")
        self.present.add(name)
