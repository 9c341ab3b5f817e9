"""Calls a running exedev-sim with exe.dev's official SDK (exedev 0.4.0): a line for each method, then how many passed of those tried.

Wants EXE_DEV_API_KEY and EXE_DEV_ENDPOINT, as `exedev-sim env` prints them. Exits 0 when every method passed.
"""
import os
import sys
import tempfile

import exedev

client = exedev.Client(os.environ["EXE_DEV_API_KEY"], base_url=os.environ["EXE_DEV_ENDPOINT"].removesuffix("/exec"), max_retries=0)
results = {}


def check(name, call, expected=lambda value: True):
    """One method; a value that is not as expected is a failure too."""
    try:
        value = call()
        results[name] = bool(expected(value))
        print(f"{'passed' if results[name] else 'FAILED'} {name}" + ("" if results[name] else f": {value!r}"))
        return value
    except Exception as error:
        results[name] = False
        print(f"FAILED {name}: {type(error).__name__}: {error}")


check("whoami", client.whoami, lambda who: who["email"] == "owner@example.com")
check("doc", client.doc)
check("browser", client.browser)
check("set_region", lambda: client.set_region("fra"))
vm = check("new", lambda: client.new(name="sdk-one", tags=["sdk"], comment="made by the SDK", email=False))
if vm is None:
    vm = check("new without options", lambda: client.new(name="sdk-one"))
check("vms", lambda: [each.name for each in client.vms()], lambda names: "sdk-one" in names)
check("vm", lambda: client.vm("sdk-one").name, lambda name: name == "sdk-one")
if vm is not None:
    check("wait_until_ready", vm.wait_until_ready)
    check("refresh", vm.refresh)
    check("status", lambda: vm.status, lambda status: status == "running")
    check("tags", lambda: vm.tags, lambda tags: "sdk" in tags)
    check("run", lambda: vm.run("echo out; echo err >&2; exit 3", check=False).exit_code, lambda code: code == 3)
    check("run output", lambda: vm.run("printf hello").stdout, lambda out: out in ("hello", b"hello"))
    check("write_file", lambda: vm.write_file("/tmp/a b", b"bytes\x00\xff"))
    check("read_file", lambda: vm.read_file("/tmp/a b"), lambda data: data == b"bytes\x00\xff")
    check("spawn", lambda: vm.spawn("echo one; sleep 1; echo two", name="job"), lambda process: process is not None)
    check("process", lambda: vm.process("job").wait(), lambda code: code in (0, None) or getattr(code, "exit_code", 1) == 0)
    check("logs", lambda: vm.process("job").logs().stdout, lambda text: "two" in text)
    check("processes", lambda: [each.name for each in vm.processes()], lambda names: "job" in names)
    check("upload", lambda: vm.upload(__file__, "/tmp/drive.py"))
    with tempfile.TemporaryDirectory() as folder:
        check("download", lambda: vm.download("/tmp/drive.py", folder + "/back") or open(folder + "/back").read(), lambda text: "SDK" in text)
    check("set_comment", lambda: vm.set_comment("it's new"))
    check("comment", lambda: vm.refresh() or vm.comment, lambda text: text == "it's new")
    check("tag", lambda: vm.tag("more"))
    check("untag", lambda: vm.untag("more"))
    check("resize", lambda: vm.resize(cpu=4))
    check("set_egress", lambda: vm.set_egress("all"))
    check("stats", vm.stats)
    check("pause", vm.pause)
    check("resume", vm.resume)
    check("restart", vm.restart)
    check("copy", lambda: vm.copy("sdk-two").name, lambda name: name == "sdk-two")
    check("grant_support_root", lambda: vm.grant_support_root(False))
    check("delete", lambda: client.delete("sdk-one", "sdk-two"))
    check("delete a missing VM", lambda: client.delete("sdk-one"), lambda value: value["not_found"] == ["sdk-one"])
passed = sum(results.values())
print(f"{passed} methods passed of {len(results)} tried")
sys.exit(passed != len(results))
