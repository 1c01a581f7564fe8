#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""serve.py NAME PROTO:PORT ...: answers every request with "NAME PEER" and logs "PROTO PORT PEER"."""

import http.server
import socket
import sys
import threading

NAME = sys.argv[1]


def shown(peer):
    """An address of either family; IPv4 comes to our sockets as v4-mapped."""
    return peer[0].removeprefix("::ffff:")


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        peer = shown(self.client_address)
        print("tcp", self.server.server_port, peer, flush=True)
        body = f"{NAME} {peer}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def serve_tcp(port):
    Server(("::", port), Handler).serve_forever()


def serve_udp(port):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.bind(("::", port))
    while True:
        data, peer = s.recvfrom(65535)
        print("udp", port, shown(peer), flush=True)
        s.sendto(f"{NAME} {shown(peer)}\n".encode(), peer)


threads = []
for arg in sys.argv[2:]:
    proto, port = arg.split(":")
    target = serve_tcp if proto == "tcp" else serve_udp
    threads.append(threading.Thread(target=target, args=(int(port),)))
    threads[-1].start()
print("serving", flush=True)
for t in threads:
    t.join()
