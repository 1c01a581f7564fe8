#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""ask_udp.py ADDRESS PORT [TIMEOUT]: sends a datagram, prints the answer; exit code 1 if none comes."""

import socket
import sys

s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(float(sys.argv[3]) if len(sys.argv) > 3 else 2)
s.connect((sys.argv[1], int(sys.argv[2])))
try:
    s.send(b"?")
    print(s.recv(2048).decode(), end="")
except OSError as e:
    sys.exit(f"no answer: {e}")
