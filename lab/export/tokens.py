"""A token in place of every secret of what is exported, and the name under which a person gives its value."""

from lab.scenario.model import Scenario
from lab.scenario.secret import EnvValue, Secret
from lab.scenario.secrets_of import mapped

TOKEN = "__secret:{}__"  # noqa: S105  stands for a value in the topology that is exported; it is none


def secret_in(text: str) -> str:
    """The name of the secret that a value of ``env`` stands for; "" for a plain value."""
    before, _, after = TOKEN.partition("{}")
    return text.removeprefix(before).removesuffix(after) if text.startswith(before) else ""


def without_secrets(scenario: Scenario) -> Scenario:
    """A token in place of every secret, with the name under which its value is to be given."""

    def token(where: str, value: EnvValue) -> EnvValue:
        return Secret(value=TOKEN.format(_name_of(scenario, where))) if isinstance(value, Secret) else value

    return mapped(scenario, token)


def value_name(name: str) -> str:
    """The name of a value: ``"DB_IMAGE"`` of ``"db-image"``."""
    return name.upper().replace("-", "_").replace(".", "_")


def _name_of(scenario: Scenario, where: str) -> str:
    """``"DATABASE_URL"`` of the app or an arm, ``"DB_POSTGRES_PASSWORD"`` of the sidecar db."""
    table, _, name = where.rpartition(".")
    for key, each in (("sidecars", scenario.sidecars), ("jobs", scenario.jobs)):
        if table.startswith(f"{key}["):
            return f"{value_name(each[int(table.partition('[')[2].partition(']')[0])].name)}_{name}"
    return value_name(f"probe-{name}") if table == "app.probe_headers" else name
