"""What was seen of an arm until its deadline, and the sentence with the next step when that is too little."""

import http.client
from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.engines.endings import explain, lasts
from lab.engines.known_endings import Fault, Sign
from lab.engines.names import Names
from lab.errors import DeploymentError, EndedError, LateError, OutsideError, RightsError, SamplingError
from lab.plan.topology import Endpoint, Topology
from lab.sampling.cgroups import locate, read_memory
from lab.sampling.process_tree import tree_pids
from lab.sampling.process_view import PROC, look
from lab.sampling.sockets import Listener, listeners

MAX_LINE = 160  # of an answer's body, in a sentence
LASTING_S = (
    3.0  # so long, or LASTING_SHARE of ready_timeout, an answer must stay the same: apps that start say "not yet"
)
LASTING_SHARE = 0.1  # in the same ways in which others say how they are set up, with 302 or 403
LASTING_ROUNDS = 3  # and so often it must have come: a round may take seconds
# Where who listens gets what is sent to 127.0.0.1, as the kernel prints it: there, everywhere, and both of IPv6 too.
HERE = ("0100007F", "00000000", "0" * 32, "0000000000000000FFFF00000100007F")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One response: who gave it, at which endpoint, its status, where it sends, the first line of its body.

    ``header`` is the app's word, "" for none; ``owner`` the address, where each process has its own, else the owner of
    the connection, "" when it could not be seen.
    """

    header: str
    owner: str
    endpoint: Endpoint
    status: int
    location: str = ""
    line: str = ""

    @property
    def ready(self) -> bool:
        """Tell whether it says that the process serves."""
        return self.status == http.client.OK

    @property
    def text(self) -> str:
        """``'400 "Invalid host header"'``, ``"307 to https://…"``: for a sentence."""
        if self.location:
            return f"{self.status} to {self.location}"
        return f'{self.status} "{self.line}"' if self.line else f"{self.status}"


def answer_of(response: http.client.HTTPResponse, header: str, endpoint: Endpoint, owner: str) -> Answer:
    """The answer in a response, whose body is read; ``header``: in which it may name its process. Raises OSError."""
    lines = response.read().decode(errors="replace").split("\n")
    return Answer(
        header=(response.getheader(header) or "") if header else "",
        owner=owner,
        endpoint=endpoint,
        status=response.status,
        location=response.getheader("Location", "") if 300 <= response.status < 400 else "",
        line=next(filter(None, map(str.strip, lines)), "")[:MAX_LINE],
    )


@dataclass(slots=True)
class Watched:
    """What has been seen so far: who gave good answers, where they came from, and the last one that was not good.

    ``front``: its last answer, None for none. ``same``: status and target of the answer that came ``for_s`` seconds and
    so many ``rounds`` in a row, and that is one of how an app is set up; None for another one.
    """

    names: Names = field(default_factory=Names)
    answered: set[Endpoint] = field(default_factory=set)
    refusal: Answer | None = None
    front: Answer | None = None
    same: tuple[int, str] | None = None
    since_s: float = 0.0
    for_s: float = 0.0
    rounds: int = 0

    def note(self, answer: Answer) -> None:
        """Take note of an answer of the app."""
        if not answer.ready:
            self.refusal = answer
            return
        self.answered.add(answer.endpoint)
        self.names.add(answer.header, answer.owner)

    def app_is_ready(self, topology: Topology) -> bool:
        """Tell whether every endpoint of the app, and as many processes as asked for, have answered."""
        named = not topology.threaded or (self.names.said and not self.names.ignored)
        asked = topology.processes if named else topology.serving  # of threads without names nobody knows the number
        return self.answered == set(topology.app) and len(self.names.servers()) >= asked

    def look(self, topology: Topology, now_s: float, *, heard: bool) -> None:
        """Take note of how a round ended; ``heard``: the app has answered in it."""
        said = self.front if self.app_is_ready(topology) else self.refusal if heard and not self.answered else None
        lasting = said is not None and lasts(_with_host(said, topology))
        same = (said.status, said.location) if said and lasting else None
        if same is None or same != self.same:
            self.same, self.since_s, self.rounds = same, now_s, 0
        self.rounds += 1
        self.for_s = now_s - self.since_s

    def for_good(self, topology: Topology) -> bool:
        """Tell whether what came instead of a good answer is how the app, or its front, is set up: nobody need wait.

        It has been the same, round after round, for a while in which an app that only starts goes on.
        """
        long_s = max(LASTING_S, LASTING_SHARE * topology.ready_timeout_s)
        return self.same is not None and self.rounds >= LASTING_ROUNDS and self.for_s >= long_s


def late_error(topology: Topology, watched: Watched, signs: Mapping[Sign, str]) -> DeploymentError:
    """The deadline has passed, or need not: who was missing, what came instead, its last lines, and which key helps."""
    asked = f"{topology.processes} serving processes answered GET {topology.ready_path} with 200"
    if watched.app_is_ready(topology):
        said, told, hint = watched.front, f"{asked.replace(' answered', ' have answered')}, but the front", FRONT_HINT
        told += f" answered {_with_host(said, topology)}" if said else " did not answer"
    else:
        said, hint = watched.refusal, _hint(topology, watched)
        told = f"{len(watched.names.servers())} of {asked}{_instead(topology, watched)}"
    over_tls = any(endpoint.scheme == "https" for endpoint in topology.app)
    asked_so = {Sign.LOG: signs.get(Sign.LOG, "").replace("https://", "http://")} if over_tls else {}
    known = explain({**signs, **asked_so, Sign.ANSWER: _with_host(said, topology) if said else ""}, hint)
    means = f": {known.told}" if known.told else ""
    log = signs.get(Sign.LOG, "")
    last = f"; its last lines:\n{log}" if log else ""
    when = ", and waiting would not help" if watched.for_good(topology) else f" after {topology.ready_timeout_s:.0f} s"
    if known.fault is Fault.OUTSIDE:
        kind: type[DeploymentError] = OutsideError
    else:
        kind = EndedError if signs.get(Sign.EXIT) else LateError  # a machine that is busy kills nothing
    return kind(f"{topology.trial_id}: not ready{when}: {told}{means}{last}", known.hint)


FRONT_HINT = "its log may say why"
NO_ANSWER_HINT = "raise app.ready_timeout if it starts slowly; else see whether it listens on {host} and {port}"
UNNAMED_HINT = (
    "let the app send a header that differs in each process (app.server_header), or run one process a container"
)
FEWER_HINT = "{workers} must reach the app, in app.command or in a value of app.env; or raise app.ready_timeout"
REFUSED_HINT = "app.ready_path to a path that answers 200, or raise app.ready_timeout"


def _hint(topology: Topology, watched: Watched) -> str:
    names = watched.names
    if watched.refusal:
        return REFUSED_HINT
    if names.unnamed:
        return UNNAMED_HINT
    if names.unseen:
        return f'{FEWER_HINT}; where {topology.server_header}: {names.said} is no name, set app.server_header = ""'
    return FEWER_HINT if names.servers() else NO_ANSWER_HINT


def _instead(topology: Topology, watched: Watched) -> str:
    if watched.refusal:
        return f", the last other answer was {_with_host(watched.refusal, topology)}"
    if unnamed := watched.names.unnamed:
        return f", and {unnamed} such answers do not tell which process gave them"
    return ", nothing came from the others" if watched.names.servers() else ", nothing answered at all"


def _with_host(answer: Answer, topology: Topology) -> str:
    """The text of Sign.ANSWER: an answer, and the name that was asked."""
    host = next((value for name, value in topology.probe_headers.items() if name.lower() == "host"), "")
    return f"{answer.text} (Host: {host or answer.endpoint.address})"


def kills(first: int, container_id: str) -> int:
    """How many processes of a container, by its first, the kernel has killed for want of memory; 0 if it has ended."""
    try:
        return read_memory(locate(first, container_id)).oom_kills or 0
    except SamplingError:
        return 0


def listens(first: int) -> frozenset[int]:
    """Ports on which the processes of one service listen, by its first; none where they may not be looked at."""
    return frozenset(each.port for each, own in _listening(first) if own)


def taken(first: int) -> frozenset[int]:
    """Ports on which only others listen in the network of a service; none where it may not be looked at."""
    listening = _listening(first)
    ours = {each.port for each, own in listening if own}
    return frozenset(each.port for each, own in listening if not own and each.address in HERE) - ours


def _listening(first: int) -> list[tuple[Listener, bool]]:
    """Who listens in the network of a service: each socket, and whether it is a process's of the service."""
    network = PROC / str(first) / "net"
    listening = list(listeners(network))
    pids = tree_pids(first)  # afterwards: whoever has begun to listen by then is among them
    try:
        seen = look(pids)
    except RightsError:
        return []
    if not seen:  # it has ended
        return []
    still = {each.inode for each in listeners(network)}  # what has been closed meanwhile would seem to be another's
    ours = frozenset[int]().union(*(each.sockets for each in seen.values()))
    return [(each, each.inode in ours) for each in listening if each.inode in still]
