#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""stream.py send PORT | receive ADDRESS PORT SECONDS: one long connection with a checkable content.

The sender streams counters until the receiver says stop; the receiver checks each of them, prints a
line a tenth of a second, and at its end "ok BYTES"."""

import socket
import struct
import sys
import time

BLOCK = 4096


def block(n):
    return struct.pack("!Q", n) * (BLOCK // 8)


def send(port):
    s = socket.create_server(("0.0.0.0", port))
    print("serving", flush=True)
    c, _ = s.accept()
    n = 0
    try:
        while True:
            c.sendall(block(n))
            n += 1
            time.sleep(0.001)
    except (BrokenPipeError, ConnectionResetError):
        print("sent", n, flush=True)


def receive(address, port, seconds):
    c = socket.create_connection((address, port), timeout=10)
    n, end, shown = 0, time.monotonic() + seconds, 0
    f = c.makefile("rb")
    while time.monotonic() < end:
        data = f.read(BLOCK)
        if data != block(n):
            sys.exit(f"block {n} is broken")
        n += 1
        if time.monotonic() - shown > 0.1:
            shown = time.monotonic()
            print("block", n, flush=True)
    print("ok", n * BLOCK, flush=True)


if sys.argv[1] == "send":
    send(int(sys.argv[2]))
else:
    receive(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
