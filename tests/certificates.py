"""A certificate that nobody trusts beforehand, made by the openssl that Debian's certificates bring along."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

MAKE = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 1 -subj /CN=test"


def certificate(folder: Path, *names: str) -> tuple[str, ssl.SSLContext]:
    """The certificate (PEM) for ``names`` ("DNS:front", "IP:127.0.0.1"), its own authority, and what serves with it."""
    folder.mkdir(parents=True, exist_ok=True)
    key, signed = folder / "key.pem", folder / "certificate.pem"
    bears = ["-addext", f"subjectAltName={','.join(names)}", "-keyout", str(key), "-out", str(signed)]
    subprocess.run([*MAKE.split(), *bears], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(signed, key)
    return signed.read_text(), context
