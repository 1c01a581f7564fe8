"""A name server that answers every A query with one address and counts what it was asked:
name_server.py ADDRESS TTL. "count.NAME" TXT gives how often NAME was asked. Of type 65280, which nobody
knows, every name has three octets."""
import collections
import socket
import struct
import sys

address, ttl = socket.inet_aton(sys.argv[1]), int(sys.argv[2])
asked = collections.Counter()


def labels(message):
    at, out = 12, []
    while message[at]:
        out.append(message[at + 1:at + 1 + message[at]].decode().lower())
        at += 1 + message[at]
    return ".".join(out), at + 1


def reply(message):
    name, end = labels(message)
    kind = struct.unpack("!H", message[end:end + 2])[0]
    rdata = b""
    if kind == 1:
        asked[name] += 1
        rdata = address
    elif kind == 16 and name.startswith("count."):
        text = str(asked[name[6:]]).encode()
        rdata = bytes([len(text)]) + text
    elif kind == 65280:
        rdata = b"\x03\xc0\x0c"  # what looks like a name is none
    answer = b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, ttl, len(rdata)) + rdata if rdata else b""
    return (message[:2] + b"\x85\x80" + struct.pack("!HHHH", 1, bool(rdata), 0, 0) +
            message[12:end + 4] + answer)


server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("", 53))
print("serving", flush=True)
while True:
    query, peer = server.recvfrom(4096)
    server.sendto(reply(query), peer)
