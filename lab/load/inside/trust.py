"""An arm's certificate may have an authority of its own: Locust's clients trust it, on whichever machine they run."""

import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from lab.load.load_plan import LoadPlan


def trust_authority(plan: LoadPlan, pool: Any, connection: Any, make_context: Callable[..., Any]) -> None:
    """Have every connection to the arm look at its certificate, and trust whom the plan names and nobody else.

    ``pool`` is geventhttpclient's SSLConnectionPool, ``connection`` urllib3's HTTPSConnection, and ``make_context``
    gevent's create_default_context. A FastHttpUser looks at no certificate by itself, and a locustfile may say
    ``verify = False``: then a wrong one would go unnoticed, and a client would be measured that does less than any
    browser. Other servers are asked as the locustfile says.
    """
    if not plan.trust:
        return
    url = urlsplit(plan.base_url)
    server, context = (url.hostname, url.port), make_context(cadata=plan.trust)
    begin, connect = pool.__init__, connection.connect

    def begun(self: Any, host: str, port: int, *args: Any, **kwargs: Any) -> None:
        if (host, port) == server:
            kwargs |= {"insecure": False, "ssl_context_factory": lambda **_: context}
        begin(self, host, port, *args, **kwargs)

    def connected(self: Any) -> None:
        if (self.host, self.port) == server:
            self.ssl_context, self.cert_reqs = context, ssl.CERT_REQUIRED
            self.ca_certs = self.ca_cert_dir = self.ca_cert_data = self.assert_hostname = self.assert_fingerprint = None
        connect(self)

    pool.__init__, connection.connect = begun, connected
