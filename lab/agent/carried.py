"""The part of this machine's environment that load on another one is given."""

from collections.abc import Mapping

OF_THIS_MACHINE = (
    *(
        "PATH",
        "HOME",
        "PWD",
        "OLDPWD",
        "TMP",
        "TEMP",
        "SHELL",
        "LD_",
        "PYTHON",
        "VIRTUAL_ENV",
        "XDG_",
        "SSL_",
        "DOCKER_",
    ),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"),
)


def carried(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of this machine's environment that a locustfile may mean: not where programs and files are found."""
    return {name: value for name, value in environment.items() if not name.startswith(OF_THIS_MACHINE)}
