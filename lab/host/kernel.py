"""What the kernel of this machine tells, and lets be read."""

import os
from pathlib import Path

GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def governor() -> str:
    """The name of what governs the clock of the first core; "" where the kernel does not tell."""
    return GOVERNOR.read_text().strip() if GOVERNOR.exists() else ""


def has_ipvs(proc: Path) -> bool:
    """Tell whether this kernel has IP virtual servers, without which a Swarm's virtual addresses lead nowhere."""
    return (proc / "net/ip_vs").exists()


def may_read_memory(pid: int) -> bool:
    """Tell whether this process may read the memory account of that one."""
    try:
        descriptor = os.open(f"/proc/{pid}/smaps_rollup", os.O_RDONLY)
    except OSError:
        return False
    os.close(descriptor)
    return True
