"""An arm of a scenario: the keys of ``[[arms]]``, validated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from lab.scenario.app import Restart
from lab.scenario.compare import STRICT
from lab.scenario.env import Env
from lab.scenario.images import ImageSource
from lab.scenario.kinds import FRONTS, MODELS, Options, in_new_spelling

# Who looks after the containers of an arm's app while they serve: nobody, the engine's watchdog, or the front.
Watch: TypeAlias = Literal["none", "engine", "front"]
BY_FRONT = "front"


def watched(arm: Mapping[str, Any]) -> dict[str, Any]:
    """An arm as it was written, with the options by which its front watches where it asks for that.

    An option that was written stays as it is.
    """
    table = arm.get("front")
    if arm.get("watch") != BY_FRONT or not isinstance(table, Mapping) or table.get("kind") not in FRONTS:
        return dict(arm)
    return {**arm, "front": {**FRONTS[table["kind"]].watching(table), **table}}


def watch_refusal(watch: Watch, model: Options, front: Options) -> str:
    """A sentence why this front cannot watch the containers of this model; "" when it can, or need not."""
    if watch != BY_FRONT:
        return ""
    if not FRONTS[front.kind].hops:
        return f'watch = "front": {front.kind} is none, and nobody is there to look; take "engine", or another front'
    if MODELS[model.kind].one_address:
        return (
            f'watch = "front": {model.kind} are one address to the front, which has no other to turn to; their '
            'supervisor looks after them, or take watch = "engine"'
        )
    return ""


APP_IMAGE = "app"
ARM_IMAGE = "arm."  # and the name of the arm that has an image of its own
NAME_PATTERN = r"^[a-z0-9][a-z0-9-]{0,39}$"


@dataclass(config=STRICT, kw_only=True)
class Arm:
    """A process model + front + options under test. ``command`` replaces that of the app for this arm.

    ``restart``: as ``app.restart``, for this arm. ``watch``: who looks whether each container of the app still answers.
    ``proxy_headers``: the app believes what its front says of clients. A ``control`` arm explains: its numbers are
    exploratory.
    """

    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    model: Annotated[Options, MODELS]
    front: Annotated[Options, FRONTS]
    command: str = ""
    image: str = ""
    env: Env = field(default_factory=dict)
    network: Literal["", "host", "own"] = ""
    proxy_headers: Annotated[bool, Field(strict=True)] = False
    restart: Restart | Literal[""] = ""
    watch: Watch = "none"
    control: bool = False

    @model_validator(mode="before")
    @classmethod
    def _old_spelling(cls, given: Any) -> Any:
        return watched(in_new_spelling(given)) if isinstance(given, Mapping) else given

    @model_validator(mode="after")
    def _front_fits(self) -> Arm:
        if not self.fronted and not MODELS[self.model.kind].one_address:
            possible = " or ".join(f'"{kind}"' for kind, front in FRONTS.items() if front.hops)
            raise ValueError(
                f'arm "{self.name}": {self.model.kind} listen on one port each, so they need front = {possible}'
            )
        if self.tls_in_app and not MODELS[self.model.kind].speaks_tls:
            speaking = " or ".join(f'"{kind}"' for kind, model in MODELS.items() if model.speaks_tls)
            raise ValueError(
                f'arm "{self.name}": {self.model.kind} has no options for certificates: take the TLS of a front, or '
                f"model = {speaking}"
            )
        if self.proxy_headers and not self.fronted:
            possible = " or ".join(f'"{kind}"' for kind, front in FRONTS.items() if front.hops)
            raise ValueError(
                f'arm "{self.name}": with proxy_headers the app believes whoever connects to it, and without a front '
                f"these are the clients themselves: leave it out, or take front = {possible}"
            )
        return self

    @model_validator(mode="after")
    def _watch_fits(self) -> Arm:
        if refusal := watch_refusal(self.watch, self.model, self.front):
            raise ValueError(f'arm "{self.name}": {refusal}')
        return self

    @property
    def fronted(self) -> bool:
        """Tell whether something stands between the clients and the app."""
        return FRONTS[self.front.kind].hops > 0

    @property
    def tls(self) -> bool:
        """Tell whether clients connect over TLS, to the front, or without one to the app."""
        return bool(getattr(self.front, "tls", False))

    @property
    def tls_in_app(self) -> bool:
        """Tell whether the app itself speaks TLS."""
        return self.tls and not self.fronted

    @property
    def image_key(self) -> str:
        """Under which key the engine keeps the image of this arm: ``"app"``, or its own."""
        return f"{ARM_IMAGE}{self.name}" if self.image else APP_IMAGE

    @property
    def front_image(self) -> ImageSource | None:
        """The image of its front, if it has one."""
        return FRONTS[self.front.kind].image
