# SPDX-License-Identifier: MIT
"""A stand-in for vpcd on a unix socket, a stand-in for a sandbox's supervisor, and vpcctl itself."""

import array
import collections
import http.server
import json
import os
import signal
import socket
import socketserver
import subprocess
import tempfile
import threading
import urllib.parse

import pytest

VPCCTL = os.environ.get("VPCCTL", "vpcctl")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        url = urllib.parse.urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        path = urllib.parse.unquote(url.path)
        self.server.requests.append((self.command, path, query, body))
        found = self.server.routes.get((self.command, path))
        if found is None:
            found = (404, {"Error": {"Code": "NotFound", "Message": f"no {path}"}})
        if callable(found):
            found = found(query, body)
        status, content = found
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.server.answered[path].set()

    do_GET = do_POST = do_PATCH = do_DELETE = answer

    def address_string(self):
        return "unix"

    def log_message(self, *args):
        pass


class Daemon(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """routes: (method, path) -> (status, JSON or bytes), or a function of (query, body)."""

    daemon_threads = True

    def __init__(self, path):
        self.routes, self.requests = {}, []
        self.answered = collections.defaultdict(threading.Event)  # by path, once written
        super().__init__(path, Handler)

    def handle_error(self, request, client_address):
        pass  # a client that went away; the test sees what it got

    def sent(self, method):
        return [r for r in self.requests if r[0] == method]


class Supervisor(threading.Thread):
    """Serves one connection after the other of docs/sandbox-protocol.md on a real process."""

    def __init__(self, path, command):
        super().__init__(daemon=True)
        self.command, self.requests = command, []
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(path)
        self.listener.listen()

    def run(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            with conn:
                self.serve(conn)

    def serve(self, conn):
        data, ancillary, _, _ = conn.recvmsg(65536, socket.CMSG_SPACE(3 * 4))
        fds = array.array("i")
        for level, kind, cdata in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(cdata[: len(cdata) - len(cdata) % fds.itemsize])
        request = json.loads(data)
        self.requests.append(request)
        if request["op"] == "ps":
            return conn.send(b'{"processes": [{"pid": 7, "command": "sleep 9"}]}')
        if request["op"] not in ("start", "exec"):
            return conn.send(b'{"ok": true}')
        argv = request.get("argv", self.command)
        env = dict(os.environ, **request.get("env", {}))
        child = subprocess.Popen(argv, stdin=fds[0], stdout=fds[1], stderr=fds[2], env=env,
                                 start_new_session=True)
        for fd in fds:
            os.close(fd)
        conn.send(b'{"ok": true}')
        signals = threading.Thread(target=self.signals, args=(conn, child), daemon=True)
        signals.start()
        code = child.wait()
        conn.send(json.dumps({"exit": code if code >= 0 else 128 - code}).encode())
        signals.join()  # until the client has hung up

    def signals(self, conn, child):
        while True:
            data = conn.recv(65536)
            if not data:
                return
            request = json.loads(data)
            self.requests.append(request)
            child.send_signal(signal.Signals(request["signal"]))


@pytest.fixture
def directory():
    # pytest's own directories are too deep for a socket's path.
    with tempfile.TemporaryDirectory(prefix="vpcctl") as path:
        yield path


@pytest.fixture
def daemon(directory):
    server = Daemon(f"{directory}/vpcd.sock")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def environment(directory):
    keep = {k: os.environ[k] for k in ("PATH", "LSAN_OPTIONS", "ASAN_OPTIONS") if k in os.environ}
    return dict(keep, HOME=directory, VPCD_SOCKET=f"{directory}/vpcd.sock", LC_ALL="C.UTF-8")


@pytest.fixture
def vpcctl(environment, directory):
    """Runs vpcctl; the result has returncode, stdout, stderr and json()."""

    def run(*args, stdin=None, cwd=directory, **env):
        env = {k: v for k, v in dict(environment, **env).items() if v is not None}
        done = subprocess.run([VPCCTL, *args], input=stdin, cwd=cwd, env=env, text=True,
                              capture_output=True, timeout=60)
        done.json = lambda: json.loads(done.stdout)
        return done

    return run


@pytest.fixture
def sandbox(daemon, directory):
    """An instance i-0abc… named web, whose process is real. Returns a function that starts it."""
    supervisors = []

    def start(*command):
        path = f"{directory}/ctl.sock"
        supervisor = Supervisor(path, list(command))
        supervisor.start()
        supervisors.append(supervisor)
        record = {"InstanceId": "i-0abc4567890123456", "Name": "web", "State": "running",
                  "ControlSocket": path}
        for name in ("web", record["InstanceId"]):
            daemon.routes["GET", f"/v1/sandboxes/{name}"] = (200, record)
        daemon.routes["POST", "/v1/instances"] = (201, record)
        daemon.routes["DELETE", f"/v1/instances/{record['InstanceId']}"] = (200, record)
        return supervisor

    yield start
    for supervisor in supervisors:
        supervisor.listener.shutdown(socket.SHUT_RDWR)
        supervisor.listener.close()
        supervisor.join()
