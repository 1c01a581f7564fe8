#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""probe.py count PORT... | send ADDRESS PORT... : new flows, each of one datagram.

The sender gives each datagram a source port of its own, so that each is judged anew, goes round the
ports until /tmp/stop is there and prints how many went to each. The counter prints, whenever
/tmp/count is there, how many different ones came to each, and removes it."""

import os
import selectors
import socket
import sys
import time

RATE = 1200  # a second


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def bound(address, port, any_address):
    s = socket.socket(family(address), socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    s.bind((any_address, port))
    return s


def send(address, ports):
    sent = dict.fromkeys(ports, 0)
    begun = time.monotonic()
    any_address = "::" if ":" in address else "0.0.0.0"
    print("sending", flush=True)
    for n in range(60000):
        if n % 16 == 0 and os.path.exists("/tmp/stop"):
            break
        port = ports[n % len(ports)]
        with bound(address, 1024 + n, any_address) as s:
            s.sendto(n.to_bytes(4, "big"), (address, port))
        sent[port] += 1
        time.sleep(max(0.0, begun + n / RATE - time.monotonic()))
    print("sent", *(sent[p] for p in ports), flush=True)


def count(ports):
    seen = {port: set() for port in ports}
    selector = selectors.DefaultSelector()
    for port in ports:
        selector.register(bound("::", port, "::"), selectors.EVENT_READ, port)
    print("serving", flush=True)
    while True:
        for key, _ in selector.select(0.02):
            seen[key.data].add(key.fileobj.recv(64))
        if os.path.exists("/tmp/count"):
            os.unlink("/tmp/count")
            print("seen", *(len(seen[p]) for p in ports), flush=True)


if sys.argv[1] == "send":
    send(sys.argv[2], [int(p) for p in sys.argv[3:]])
else:
    count([int(p) for p in sys.argv[2:]])
