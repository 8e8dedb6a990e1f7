"""A Linux timerfd: an absolute instant as a file descriptor. An event loop's timeouts are whole milliseconds only."""

import ctypes
import math
import os
import time

_TFD_TIMER_ABSTIME = 1


class _Timespec(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("it_interval", _Timespec), ("it_value", _Timespec))


class Alarm:
    """``fd`` becomes readable at the CLOCK_MONOTONIC instant that was set. Python has os.timerfd_* from 3.13 on."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._spec = _Itimerspec()
        self.fd: int = self._libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")

    def set(self, at_s: float) -> None:
        """Ring at ``at_s``, at once when that has passed; replaces an earlier instant."""
        fraction, whole = math.modf(at_s)
        self._spec.it_value.tv_sec = int(whole)
        self._spec.it_value.tv_nsec = int(fraction * 1e9)
        if self._libc.timerfd_settime(self.fd, _TFD_TIMER_ABSTIME, ctypes.byref(self._spec), None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def silence(self) -> None:
        """Take note of the ring, so that ``fd`` is no longer readable."""
        try:
            os.read(self.fd, 8)
        except BlockingIOError:
            return  # it was set anew between the ring and now
