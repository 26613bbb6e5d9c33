"""Leave the network: for a process that reads what strangers send and needs nobody outside.

The guard refuses what would call out; this makes that it can't be done either, where the system
lets a process have a network of its own, with nothing in it.
"""

from __future__ import annotations

import ctypes
import os

__all__ = ["leave_network"]

_CLONE_NEWUSER = 0x1000_0000
_CLONE_NEWNET = 0x4000_0000


def leave_network() -> bool:
    """Let this process, and those it starts, reach no address; whether the system allowed it.

    Sockets that are open stay so. Call it while there is one thread. Root keeps its own users, since
    in others it may lose its files; anyone else needs others to be allowed this at all.
    """
    flags = _CLONE_NEWNET if os.geteuid() == 0 else _CLONE_NEWUSER | _CLONE_NEWNET
    try:
        return bool(ctypes.CDLL(None).unshare(flags) == 0)
    except AttributeError:  # no Linux
        return False
