"""Runs a command that dies with its parent: ``python -I -S tied.py SIGNAL UID PARENT COMMAND…``.

UID -1 means the same user; PARENT is the parent's process id. A program of its own instead of a
``preexec_fn``, which is unsafe where there are threads. It replaces itself by the command, so the process id
stays. Only Linux can tie a child to its parent; elsewhere this just runs it.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    signal, user, parent = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    command = sys.argv[4:]
    if user >= 0:
        os.setgroups([])
        os.setuid(user)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal)  # after setuid, which would clear it
        if os.getppid() != parent:  # it died before we asked to be told
            sys.exit(1)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
