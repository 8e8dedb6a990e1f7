"""The certificate that a run's servers show: where its files lie, and who has signed it. Pure; lab.host makes it."""

from dataclasses import dataclass, field

from lab.plan.topology import ConfigFile

CERTIFICATE = "/etc/lab/tls/server.pem"
KEY = f"{CERTIFICATE}.key"  # HAProxy looks for it there by itself
FOR_ONE, FOR_ALL = 0o400, 0o444


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """``chain`` and ``key``: what a server shows and keeps; ``authority``: who has signed it. All of them are PEM.

    Empty in a plan: each run has its own made. ``next``: chain and key of another one for the same names, by the same
    authority, which a drill puts in its place.
    """

    chain: bytes = b""
    key: bytes = field(default=b"", repr=False)
    authority: str = ""
    next: "Certificate | None" = field(default=None, repr=False)

    def files(self, key_mode: int = FOR_ONE) -> tuple[ConfigFile, ...]:
        """Both files of a server. ``key_mode``: FOR_ALL where nobody knows as whom it runs. Neither is ever shown."""
        return (
            ConfigFile(path=CERTIFICATE, content=self.chain, recorded=False),
            ConfigFile(path=KEY, content=self.key, mode=key_mode, recorded=False),
        )
