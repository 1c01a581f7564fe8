# SPDX-License-Identifier: MIT
"""The command line itself: help, exit codes, settings, completion, explanations."""

import json
import os
import shlex
import socket
import stat
import subprocess

import pytest

from conftest import VPCCTL


def test_version_is_printed(vpcctl):
    assert vpcctl("--version").stdout.startswith("vpcctl 0.")


def test_every_command_has_help_with_an_example(vpcctl):
    main = vpcctl("--help")
    assert main.returncode == 0
    names = [line.split()[0] for line in main.stdout.split("Kinds:")[0].split("Labs:")[1].splitlines()
             if line.startswith("  ")]
    assert {"validate", "up", "run", "events", "completion"} <= set(names)
    for name in names:
        shown = vpcctl(name, "--help")
        assert shown.returncode == 0
        assert "Example: vpcctl " in shown.stdout, name


def test_every_kind_and_verb_has_help_with_an_example(vpcctl):
    kinds = [line.split()[0] for line in
             vpcctl("--help").stdout.split("Kinds:\n")[1].split("\n\n")[0].splitlines()]
    assert "subnet" in kinds and "security-group" in kinds
    for kind in kinds:
        assert "Example: vpcctl " in vpcctl(kind, "--help").stdout
        for verb in ("create", "list", "show", "set", "delete"):
            shown = vpcctl(kind, verb, "--help")
            assert shown.returncode == 0 and f"Example: vpcctl {kind} {verb}" in shown.stdout


@pytest.mark.parametrize("args", [
    ("nonsense",), ("vpc", "nonsense"), ("vpc", "list", "--nonsense"), ("vpc", "show"),
    ("subnet", "create"), ("-o", "yaml", "vpc", "list"), ("vpc", "list", "--color", "pink"),
    ("--timeout", "60s", "vpc", "list"), ("vpc", "list", "--timeout", "soon"),
    ("vpc", "allow", "x", "y"), ("events", "--since", "x"), ("config",), ("connect",),
    ("completion", "tcsh"), ("clock", "advance"), ("clock", "advance", "soon"),
    ("clock", "back", "5s"), ("up", "-f", "/nonexistent.json"), ("up",),
])
def test_usage_errors_exit_2(vpcctl, args):
    done = vpcctl(*args)
    assert done.returncode == 2
    assert done.stdout == "" and "vpcctl: " in done.stderr


def test_missing_required_fields_are_named_as_flags(vpcctl):
    assert "--vpc-id --cidr-block" in vpcctl("subnet", "create").stderr


def test_no_daemon_says_how_to_start_one(vpcctl):
    done = vpcctl("vpc", "list")
    assert done.returncode == 4
    assert "sudo vpcd" in done.stderr and "systemctl start vpcd" in done.stderr


def test_no_permission_names_the_group(environment, directory):
    path = f"{directory}/vpcd.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        os.chmod(path, stat.S_IRUSR | stat.S_IWUSR)
        as_nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}
        if not as_nobody:
            os.chmod(path, 0)
        os.chmod(directory, 0o755)
        done = subprocess.run([VPCCTL, "vpc", "list"], env=environment, text=True,
                              capture_output=True, cwd="/", timeout=60, **as_nobody)
    assert done.returncode == 4
    assert "join group vpcd" in done.stderr


def test_slow_daemon_times_out_with_5(vpcctl, directory):
    with socket.socket(socket.AF_UNIX) as listener:  # accepts, never answers
        listener.bind(f"{directory}/vpcd.sock")
        listener.listen()
        done = vpcctl("vpc", "list", "--timeout", "50ms")
    assert done.returncode == 5
    assert "timed out" in done.stderr


def test_errors_are_json_with_output_json(vpcctl):
    done = vpcctl("vpc", "list", "-o", "json")
    assert done.returncode == 4
    assert '"Code": "DaemonUnreachable"' in done.stderr


def origin_of(vpcctl, setting, *args, **env):
    rows = {r["Setting"]: r for r in
            vpcctl("config", "show", "--origin", "-o", "json", *args, **env).json()}
    return rows[setting].get("Value"), rows[setting]["Origin"]


def test_settings_come_from_the_strongest_origin(vpcctl, directory):
    os.makedirs(f"{directory}/.config/vpcctl")
    path = f"{directory}/.config/vpcctl/config"
    with open(path, "w") as f:
        f.write("# mine\nlab = filed # really\ninstance=blue\n")
    assert origin_of(vpcctl, "lab") == ("filed", path)
    assert origin_of(vpcctl, "lab", VPCD_LAB="env") == ("env", "environment")
    assert origin_of(vpcctl, "timeout") == ("300s", "default")
    assert origin_of(vpcctl, "socket", VPCD_SOCKET=None) == ("/run/vpcd/blue/vpcd.sock", path)
    assert origin_of(vpcctl, "socket", "--instance", "red") == ("/run/vpcd/red/vpcd.sock", "flag")
    assert origin_of(vpcctl, "socket", VPCD_INSTANCE="red") == (f"{directory}/vpcd.sock",
                                                               "environment")
    assert origin_of(vpcctl, "socket", "--socket", "/s", "--instance", "red") == ("/s", "flag")
    assert origin_of(vpcctl, "socket", VPCD_SOCKET=None, VPCD_INSTANCE="default",
                     HOME="/nonexistent") == ("/run/vpcd/vpcd.sock", "environment")


def complete(vpcctl, *words):
    return vpcctl("__complete", "--", *words).stdout.split()


def test_completion_knows_commands_kinds_verbs_and_flags(vpcctl):
    assert {"validate", "vpc", "subnet", "run"} <= set(complete(vpcctl, ""))
    assert complete(vpcctl, "val") == ["validate"]
    assert complete(vpcctl, "subnet", "cr") == ["create"]
    assert "--cidr-block" in complete(vpcctl, "subnet", "create", "--")
    assert "--from" in complete(vpcctl, "sg", "allow", "db", "--")
    assert complete(vpcctl, "nat", "create", "--connectivity-type", "pr") == ["private"]
    assert complete(vpcctl, "-o", "js") == ["json"]
    assert complete(vpcctl, "up", "-f", "x") == [":files"]
    assert complete(vpcctl, "vpc", "show", "x") == []  # no daemon: nothing, and no noise


def test_completion_offers_live_names(vpcctl, daemon):
    daemon.routes["GET", "/v1/vpcs"] = (200, {"Items": [
        {"VpcId": "vpc-1", "Name": "shop"}, {"VpcId": "vpc-2"}]})
    assert complete(vpcctl, "vpc", "show", "") == ["shop", "vpc-2"]
    assert complete(vpcctl, "subnet", "create", "--vpc-id", "s") == ["shop"]
    daemon.routes["GET", "/v1/security-groups"] = (200, {"Items": [{"GroupId": "sg-1", "Name": "db"}]})
    assert complete(vpcctl, "run", "--security-group", "web,d") == ["web,db"]
    assert complete(vpcctl, "instance", "create", "--security-group-ids", "web,d") == ["web,db"]


def test_bash_completes_through_the_script(vpcctl, environment, directory):
    script = vpcctl("completion", "bash").stdout
    program = script + ('COMP_WORDS=(vpcctl subnet cr); COMP_CWORD=2; _vpcctl; '
                        'echo "${COMPREPLY[@]}"')
    path = f"{os.path.dirname(os.path.abspath(VPCCTL))}:{environment['PATH']}"
    done = subprocess.run(["bash", "-c", program], env=dict(environment, PATH=path), text=True,
                          capture_output=True)
    assert done.stdout == "create\n"


def test_explain_shows_kinds_and_fields(vpcctl):
    kind = vpcctl("explain", "subnet")
    assert kind.returncode == 0 and "VpcId <reference to vpc" in kind.stdout
    field = vpcctl("explain", "subnet.cidr-block")
    assert field.stdout.startswith("CidrBlock <CIDR block, required, immutable")
    nested = vpcctl("explain", "rtb.Routes.DestinationCidrBlock")
    assert nested.stdout.startswith("DestinationCidrBlock")
    assert vpcctl("explain", "subnet.Nonsense").returncode == 3
    assert vpcctl("explain", "nonsense").returncode == 3


def test_examples_of_create_have_known_and_all_required_flags(vpcctl, daemon):
    kinds = [line.split()[0] for line in
             vpcctl("--help").stdout.split("Kinds:\n")[1].split("\n\n")[0].splitlines()]
    for kind in kinds:
        example = vpcctl(kind, "create", "--help").stdout.split("Example: vpcctl ")[1]
        plural = vpcctl(kind, "--help").stdout.split("Also spelled: ")[1].split(".")[0].split(",")[0]
        daemon.routes["POST", f"/v1/{plural}"] = (201, {"Id": "x"})
        done = vpcctl(*shlex.split(example))
        assert done.returncode == 0, f"{example}: {done.stderr}"


def test_the_clock_is_shown_and_advanced(vpcctl, daemon):
    daemon.routes["GET", "/v1/clock"] = (200, {"OffsetSeconds": 0})
    daemon.routes["POST", "/v1/clock"] = (200, {"OffsetSeconds": 350})
    assert vpcctl("clock").stdout == "0 s ahead of real time\n"
    assert vpcctl("clock", "advance", "350s").stdout == "350 s ahead of real time\n"
    assert json.loads(daemon.sent("POST")[0][3]) == {"AdvanceSeconds": 350}
    assert vpcctl("clock", "advance", "500ms", "-o", "json").json() == {"OffsetSeconds": 350}
    assert json.loads(daemon.sent("POST")[1][3]) == {"AdvanceSeconds": 0.5}


@pytest.mark.parametrize("words,hint", [
    (["upp"], "did you mean up?"), (["vcp"], "did you mean vpc?"), (["exprot"], "did you mean export?"),
    (["vpc", "lst"], "did you mean list?"), (["sg", "alow"], "did you mean allow?"),
    (["rtb", "add-rote"], "did you mean add-route?"), (["zzzzzz"], "no command or kind zzzzzz: see")])
def test_unknown_words_get_a_suggestion(vpcctl, words, hint):
    done = vpcctl(*words)
    assert done.returncode == 2 and hint in done.stderr


@pytest.mark.parametrize("content,fault", [
    (b"", "x.json:1:1: MalformedJSON: unexpected end"), (b"\xff\xfe{}", "x.json:1:1: MalformedJSON"),
    (b'{"Vpcs": {"\xff": {}}}', "x.json:1:12: MalformedJSON: invalid UTF-8"),
    (b'{"Lab": "' + b"x" * 129 + b'"}', "1 to 128 bytes, not 129"),
    (b'{"Lab": "a\\nb"}', "no control characters"), (None, "x.json: cannot be read: Is a directory")])
def test_files_that_are_none(vpcctl, directory, content, fault):
    path = directory + "/x.json"
    os.mkdir(path) if content is None else open(path, "wb").write(content)
    for verb in ("validate", "up", "diff", "test"):
        done = vpcctl(verb, "-f", "x.json")
        assert done.returncode == 2 and fault in done.stderr, (verb, done)


def test_a_byte_order_mark_is_passed_over(vpcctl, directory):
    open(directory + "/x.json", "wb").write(b'\xef\xbb\xbf{"Lab": "b"}')
    done = vpcctl("validate", "-f", "x.json")
    assert done.returncode == 0 and "lab b," in done.stdout


def test_a_daemon_that_goes_away_before_it_answers(vpcctl, daemon):
    def go_away(query, body):
        raise ConnectionAbortedError("killed")

    daemon.routes["POST", "/v1/vpcs"] = go_away
    done = vpcctl("vpc", "create", "--cidr-block", "10.0.0.0/16")
    assert done.returncode == 4
    assert "went away before it answered" in done.stderr and "vpcctl diff" in done.stderr
