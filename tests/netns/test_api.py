# SPDX-License-Identifier: MIT
"""The REST API on its unix socket, row by row of docs/api.md."""

import http.client
import json
import socket
import subprocess
import threading

import pytest

from conftest import allow_all, server, until


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("vpcd")
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self.path)


class Answer:
    def __init__(self, response):
        self.status, self.headers = response.status, response.headers
        self.text = response.read().decode()

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def code(self):
        return self.json["Error"]["Code"]


@pytest.fixture(scope="module")
def call(vpcd):
    def run(method, path, body=None, headers=None):
        c = Connection(vpcd.socket)
        data = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
        c.request(method, path, data, headers or {})
        answer = Answer(c.getresponse())
        c.close()
        return answer
    return run


@pytest.fixture
def shop(call):
    """A VPC with a subnet for one test."""
    vpc = call("POST", "/v1/vpcs", {"Name": "shop", "CidrBlock": "10.0.0.0/16"})
    assert vpc.status == 201, vpc.text
    subnet = call("POST", "/v1/subnets", {"Name": "a", "VpcId": "shop", "CidrBlock": "10.0.1.0/24"})
    assert subnet.status == 201, subnet.text
    yield vpc.json["VpcId"]
    for kind in ("instances", "subnets", "security-groups", "vpcs"):
        for item in call("GET", f"/v1/{kind}").json["Items"]:
            name = next(iter(item.values()))
            if not (kind == "security-groups" and item["GroupName"] == "default"):
                assert call("DELETE", f"/v1/{kind}/{name}").status == 200


def test_health_status_schema_and_metrics(call):
    assert call("GET", "/healthz").json["Status"] == "ok"
    status = call("GET", "/v1/status").json
    assert status["Revision"] >= 0 and status["Counts"]["vpcs"] == 0
    assert "CidrBlock" in call("GET", "/v1/schema").text
    metrics = call("GET", "/metrics")
    assert metrics.headers["Content-Type"].startswith("text/plain")
    assert 'vpcd_objects{kind="vpc"} 0' in metrics.text


def test_an_object_is_created_shown_changed_and_deleted(call, shop):
    made = call("POST", "/v1/instances", {"Name": "one", "SubnetId": "shop/a"})
    assert made.status == 201
    path = made.headers["Location"]
    assert path == f"/v1/instances/{made.json['InstanceId']}"
    assert made.json["State"] == "running"  # answered after it was applied
    for name in (made.json["InstanceId"], made.json["InstanceId"][:8], "one"):
        assert call("GET", f"/v1/instances/{name}").json["InstanceId"] == made.json["InstanceId"]
    changed = call("PATCH", path, {"Name": "two", "Tags": {"Team": "x"}})
    assert changed.status == 200 and changed.json["Name"] == "two"
    assert call("GET", "/v1/instances?Tags.Team=x").json["Items"][0]["Name"] == "two"
    assert call("GET", "/v1/instances?Name=one").json["Items"] == []
    assert call("DELETE", path).json["Name"] == "two"
    assert call("GET", path).status == 404


def test_names_with_a_slash_are_one_segment(call, shop):
    assert call("GET", "/v1/subnets/shop%2Fa").json["CidrBlock"] == "10.0.1.0/24"
    assert call("GET", "/v1/resolve/shop%2Fa?Kind=subnet").status == 200
    assert call("GET", "/v1/resolve/shop").json["VpcId"] == shop


def test_lists_are_paged_and_filtered(call, shop):
    for i in range(5):
        call("POST", "/v1/security-groups", {"GroupName": f"g{i}", "VpcId": "shop"})
    seen, after = [], ""
    while True:
        page = call("GET", f"/v1/security-groups?VpcId=shop&limit=2{after}").json
        seen += [g["GroupName"] for g in page["Items"]]
        assert len(page["Items"]) <= 2
        if "NextAfter" not in page:
            break
        after = "&after=" + page["NextAfter"]
    assert sorted(seen) == ["default", "g0", "g1", "g2", "g3", "g4"]
    assert call("GET", "/v1/security-groups?limit=0").status == 400
    assert call("GET", "/v1/security-groups?after=sg-none").status == 404
    assert call("GET", "/v1/security-groups?nonsense=1").status == 400


ERRORS = [
    ("POST", "/v1/vpcs", "{", 400, "MalformedJSON"),
    ("POST", "/v1/vpcs", {"CidrBlok": "10.0.0.0/16"}, 400, None),
    ("POST", "/v1/vpcs", {}, 400, "MissingParameter"),
    ("POST", "/v1/vpcs", {"CidrBlock": "10.0.0.0/8"}, 422, "InvalidVpc.Range"),
    ("POST", "/v1/subnets", {"VpcId": "nope", "CidrBlock": "10.0.0.0/24"}, 422,
     "InvalidVpcID.NotFound"),
    ("POST", "/v1/subnets", {"VpcId": "shop", "CidrBlock": "10.0.1.0/25"}, 409,
     "InvalidSubnet.Conflict"),
    ("DELETE", "/v1/vpcs/shop", None, 409, "DependencyViolation"),
    ("GET", "/v1/vpcs/nope", None, 404, "InvalidVpcID.NotFound"),
    ("GET", "/v1/nothing", None, 404, None),
    ("GET", "/", None, 404, None),
    ("PUT", "/v1/vpcs", None, 405, None),
    ("PATCH", "/v1/vpcs/shop", {"CidrBlock": "10.1.0.0/16"}, 422, "InvalidParameterValue"),
    ("PATCH", "/v1/vpcs/shop", "[]", 422, None),
]


@pytest.mark.parametrize("method,path,body,status,code", ERRORS)
def test_errors_have_their_status_and_ec2s_code(call, shop, method, path, body, status, code):
    before = call("GET", "/v1/status").json["Revision"]
    answer = call(method, path, body)
    assert answer.status == status, answer.text
    assert code is None or answer.code == code
    assert answer.json["RequestId"] == answer.headers["X-Request-Id"]
    assert call("GET", "/v1/status").json["Revision"] == before


def test_wrong_method_names_the_right_ones(call):
    assert call("PUT", "/v1/vpcs").headers["Allow"] == "GET, POST"


def test_dry_runs_check_and_change_nothing(call, shop):
    before = call("GET", "/v1/status").json["Revision"]
    made = call("POST", "/v1/instances?dry_run=1", {"SubnetId": "shop/a"})
    assert made.status == 200 and made.json["DryRun"] is True
    assert call("POST", "/v1/instances?dry_run=1", {"SubnetId": "shop/zz"}).status == 422
    assert call("DELETE", "/v1/subnets/shop%2Fa?dry_run=1").json["DryRun"] is True
    assert call("GET", "/v1/status").json["Revision"] == before


def test_if_match_guards_a_change(call, shop):
    etag = call("GET", "/v1/vpcs/shop").headers["ETag"]
    change = {"Tags": {"a": "b"}}
    assert call("PATCH", "/v1/vpcs/shop", change, {"If-Match": '"999999"'}).status == 412
    assert call("PATCH", "/v1/vpcs/shop", change, {"If-Match": etag}).status == 200
    assert call("DELETE", "/v1/vpcs/shop", None, {"If-Match": etag}).code == "PreconditionFailed"


def test_an_idempotency_key_creates_once(call, shop):
    key = {"Idempotency-Key": "k1"}
    body = {"GroupName": "once", "VpcId": "shop"}
    first, again = (call("POST", "/v1/security-groups", body, key) for _ in range(2))
    assert first.status == again.status == 201
    assert first.json["GroupId"] == again.json["GroupId"]
    other = call("POST", "/v1/security-groups", {**body, "GroupName": "two"}, key)
    assert other.status == 409 and other.code == "IdempotentParameterMismatch"


def test_rules_by_text(call, shop):
    made = call("POST", "/v1/security-groups/default/rules",
                {"Rules": ["tcp 80-90 from 10.0.0.0/8", "icmp 8 from default"]})
    assert made.status == 201 and len(made.json["Items"]) == 2
    dup = call("POST", "/v1/security-groups/default/rules", {"Rules": ["tcp 80-90 from 10.0.0.0/8"]})
    assert dup.code == "InvalidPermission.Duplicate"
    gone = call("DELETE", "/v1/security-groups/default/rules",
                {"Rules": ["tcp 80-90 from 10.0.0.0/8", "icmp 8 from default"]})
    assert gone.status == 200 and len(gone.json["Items"]) == 2
    missing = call("DELETE", "/v1/security-groups/default/rules", {"Rules": ["tcp 1 from 10.0.0.0/8"]})
    assert missing.code == "InvalidPermission.NotFound"
    assert call("POST", "/v1/security-groups/default/rules", {"Rules": ["what"]}).code == \
        "InvalidPermission.Malformed"


def test_events_are_streamed_and_resumable(call, vpcd, shop):
    since = call("GET", "/v1/status").json["Revision"]
    lines = []
    with subprocess.Popen(["curl", "-sN", "--unix-socket", str(vpcd.socket),
                           f"http://vpcd/v1/events?watch=1&since={since}"],
                          stdout=subprocess.PIPE, text=True) as watch:
        thread = threading.Thread(target=lambda: lines.extend(iter(watch.stdout.readline, "")))
        thread.start()
        call("POST", "/v1/instances", {"Name": "seen", "SubnetId": "shop/a"})
        until(lambda: any('"running"' in line for line in lines), 10, "the event")
        watch.terminate()
        thread.join()
    events = [json.loads(line) for line in lines if line.endswith("}\n")]
    assert [e["Revision"] for e in events] == sorted(e["Revision"] for e in events)
    assert ("created", "instance", "seen") in [(e["Type"], e["Kind"], e["Name"]) for e in events
                                               if e.get("Name")]
    later = call("GET", f"/v1/events?since={events[-1]['Revision']}").text
    assert all(json.loads(line)["Revision"] > events[-1]["Revision"] for line in later.splitlines())


def test_sandboxes_and_their_logs(call, vpcd, shop):
    call("POST", "/v1/instances", {"Name": "talker", "SubnetId": "shop/a",
                                   "Command": ["sh", "-c", "seq 1 5; sleep 1000"]})
    until(lambda: "5" in call("GET", "/v1/sandboxes/talker/logs").text, 10, "the output")
    assert call("GET", "/v1/sandboxes/talker/logs?tail=2").text == "4\n5\n"
    assert call("GET", "/v1/sandboxes/talker/logs?tail=0").text == ""
    assert call("GET", "/v1/sandboxes/talker/logs?tail=x").status == 400
    item, = call("GET", "/v1/sandboxes").json["Items"]
    assert item["Name"] == "talker" and item["State"] == "running" and item["Pid"] > 1
    one = call("GET", "/v1/sandboxes/talker").json
    assert one["ControlSocket"].endswith("/ctl.sock")
    assert call("GET", "/v1/sandboxes/shop").status == 404
    with subprocess.Popen(["curl", "-sN", "--unix-socket", str(vpcd.socket),
                           "http://vpcd/v1/sandboxes/talker/logs?follow=1"],
                          stdout=subprocess.PIPE, text=True) as follow:
        assert follow.stdout.readline() == "1\n"
        follow.terminate()


def test_a_body_that_is_too_large_is_refused(call):
    answer = call("POST", "/v1/topology", "x" * (17 << 20))
    assert answer.status == 413


def test_slow_and_rude_clients_disturb_nobody(call, vpcd):
    rude = []
    for i in range(50):
        s = socket.socket(socket.AF_UNIX)
        s.connect(str(vpcd.socket))
        s.send([b"GET /v1/sta", b"POST /v1/vpcs HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
                b"\x00\xff\x16\x03\x01 garbage\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b""][i % 5])
        rude.append(s)
    assert call("GET", "/healthz").status == 200
    for s in rude:
        s.close()
    assert call("GET", "/v1/status").status == 200


def test_clients_that_leave_while_they_wait(call, vpcd, shop):
    for i in range(20):
        body = json.dumps({"Name": f"left{i}", "SubnetId": "shop/a"})
        s = socket.socket(socket.AF_UNIX)
        s.connect(str(vpcd.socket))
        s.send("POST /v1/instances HTTP/1.1\r\nHost: x\r\n"
               f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
        # Until the daemon has read it, half of them.
        until(lambda n=i: n % 2 or call("GET", f"/v1/instances?Name=left{n}").json["Items"], 10,
              "the instance")
        s.close()
    assert call("GET", "/healthz").status == 200
    # Whatever was begun is whole.
    until(lambda: all(i["State"] == "running" for i in call("GET", "/v1/instances").json["Items"]),
          10, "running instances")
    assert len(call("GET", "/v1/instances").json["Items"]) >= 10


def test_topologies_over_http(call):
    lab = {"Lab": "web", "Vpcs": {"v": {"CidrBlock": "10.0.0.0/16",
                                        "Subnets": {"a": {"CidrBlock": "10.0.1.0/24"}},
                                        "SecurityGroups": {"open": allow_all()}}},
           "Instances": {"s": {"Subnet": "v/a", "SecurityGroups": ["open"],
                               "Command": server("s", "tcp:80")}}}
    up = call("POST", "/v1/topology", lab)
    assert up.status == 200 and len(up.json["Steps"]) == 4 and up.json["Failed"] == []
    assert call("POST", "/v1/topology", lab).json["Steps"] == []
    exported = call("GET", "/v1/topology?Lab=web").json
    assert call("POST", "/v1/topology?dry_run=1", exported).json["Steps"] == []
    assert call("GET", "/v1/labs").json["Items"][0]["Lab"] == "web"
    bad = call("POST", "/v1/topology", {**lab, "Instances": {"s": {"Subnet": "v/b"}}})
    assert bad.json["Error"]["Errors"][0]["Pointer"] == "/Instances/s/Subnet"
    assert call("DELETE", "/v1/topology?Lab=web").json["Steps"]
    assert call("DELETE", "/v1/topology?Lab=web").status == 404
    assert call("GET", "/v1/status").json["Counts"]["vpcs"] == 0
