#!/usr/bin/env python3
"""A port that takes connections, says nothing, and closes each after ten seconds; ends with its input.

It does next to nothing, so that what is aimed at it costs what its senders cost. It prints its port.
"""

import collections
import select
import socket
import sys
import time

KEPT_S = 10


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    listener.setblocking(False)
    print(listener.getsockname()[1], flush=True)
    kept = collections.deque()
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [], 0.5)
        if sys.stdin in ready:
            return
        if ready:
            try:
                while True:
                    kept.append((time.monotonic(), listener.accept()[0]))
            except BlockingIOError:
                pass
        while kept and time.monotonic() - kept[0][0] > KEPT_S:
            kept.popleft()[1].close()


if __name__ == "__main__":
    main()
