"""What Docker says when it would not make, or start, a container; what that means, and the key that helps."""

from lab.engines.endings import End, explain
from lab.engines.known_endings import MEMORY_HINT, PROGRAM_HINT, Ending, Fault, Sign
from lab.errors import DeploymentError, EndedError, OutsideError

REFUSALS: tuple[Ending, ...] = (
    Ending(
        Sign.REFUSED,
        r"exec format error",
        "its program is for another architecture, or a script without a first line such as #!/bin/sh",
        'build the image for this machine, or name the interpreter: app.entrypoint = "sh /start.sh"',
    ),
    Ending(
        Sign.REFUSED,
        r'exec: "([^"]+)": permission denied',
        "{} is not executable",
        'name the interpreter: app.entrypoint = "sh {}"',
    ),
    Ending(Sign.REFUSED, r'exec: "([^"]+)"', "the image has no program {} on its PATH", PROGRAM_HINT),
    Ending(
        Sign.REFUSED, r"unable to find (?:user|group) ([^\s:]+)", "the image knows no {}", "give app.user by its number"
    ),
    Ending(
        Sign.REFUSED,
        r"(?i)minimum memory limit allowed is (\w+)",
        "its part of budget.memory is below {}, the least that Docker takes",
        'raise budget.memory, or give one limit to the whole arm: "pooled:…"',
        fault=Fault.MEMORY,
    ),
    Ending(
        Sign.REFUSED,
        r"(?i)\boom-killed\b",
        "the kernel killed it before its program began: its part of budget.memory is too small",
        MEMORY_HINT,
        fault=Fault.MEMORY,
    ),
    Ending(
        Sign.REFUSED,
        r"(?i)range of CPUs is from \S+ to ([\d.]+)",
        "budget.cpus gives it more than the {} cores of the engine's machine, or next to nothing",
        "change budget.cpus",
    ),
    Ending(
        Sign.REFUSED, r"cfs_quota_us|CPU cfs quota", "its part of budget.cpus is next to nothing", "raise budget.cpus"
    ),
    Ending(
        Sign.REFUSED,
        r"Requested CPUs are not available - requested (\S+), available: \S+",
        "not all cores of budget.cpuset, {}, are there",
        "set budget.cpuset to cores that the engine's machine has, see `docker info`",
    ),
    Ending(Sign.REFUSED, r"unknown capability: \"?(\w+)", "there is no capability {}", "fix app.capabilities"),
    Ending(
        Sign.REFUSED,
        r"invalid (?:mount path|specification)|error mounting \"\w+\" to rootfs at \"([^\"]+)",
        "its folder in memory, {}, cannot be had",
        "fix app.volumes: paths begin with / and are no file of the image",
    ),
    Ending(
        Sign.REFUSED,
        r"port is already allocated|address already in use",
        "the port is taken by which load of another node would reach it",
        "give the first of [[nodes]] another port",
    ),
    Ending(
        Sign.REFUSED,
        r"cannot assign requested address",
        "its node has no interface with the address by which load of another node would reach it",
        "give the first of [[nodes]] the address of one of its interfaces; one translated on the way (NAT) does "
        "not work",
    ),
    Ending(
        Sign.REFUSED,
        r"no space left on device",
        "the disk is full on which Docker keeps containers",
        "`docker system df` says what takes it; `lab clean --images` removes what the lab built",
    ),
    Ending(
        Sign.REFUSED,
        r"namespace when user namespaces are enabled|userns",
        "the engine gives every container users of its own (userns-remap)",
        "use an engine without userns-remap",
    ),
    Ending(
        Sign.REFUSED,
        r"authorization denied by plugin ([^:\s]+)",
        "the engine's plugin {} forbids it",
        "ask who runs the engine, or use one of your own: DOCKER_HOST",
    ),
)


def refused_error(who: str, text: str, otherwise: str, hint: str = "") -> DeploymentError:
    """The error of a service that the engine would not make or start; the arm's where it had too little memory.

    ``text``: the engine's words; ``hint`` replaces that of the table, ``otherwise`` stands where the table has none.
    """
    why = refusal(text, otherwise)
    kind = EndedError if why.fault is Fault.MEMORY else OutsideError
    return kind(f"{who}: {why.told}", hint or why.hint)


def refusal(text: str, otherwise: str) -> End:
    """Docker's words behind what they mean, where that is known; ``otherwise``: the hint where it is not."""
    known = explain({Sign.REFUSED: text}, otherwise, REFUSALS)
    return End(f"{known.told}: {text}" if known.told else text, known.hint, known.fault)
