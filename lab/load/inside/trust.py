"""An arm's certificate may have an authority of its own: Locust's clients trust it, on whichever machine they run."""

import os
from typing import Any

from lab.load.load_plan import LoadPlan


def trust_authority(plan: LoadPlan, session: Any, tls: Any) -> None:
    """Have HttpSession (``session``) and contexts of ``tls``, gevent's module ssl, trust what the plan says.

    HttpSession trusts nothing else then: what it asks over TLS is the arm, and it reads its file for each connection.
    The other one is for a FastHttpUser that is not ``insecure``; as Locust has it, it looks at no certificate.
    """
    if not plan.trust:
        return
    file = plan.raw / f"trust-{os.getpid()}.pem"  # requests takes only files
    file.write_text(plan.trust, encoding="ascii")
    begin, create = session.__init__, tls.create_default_context

    def begun(self: Any, *args: Any, **kwargs: Any) -> None:
        begin(self, *args, **kwargs)
        self.verify = str(file)

    def created(*args: Any, **kwargs: Any) -> Any:
        context = create(*args, **kwargs)
        context.load_verify_locations(cadata=plan.trust)
        return context

    session.__init__, tls.create_default_context = begun, created
