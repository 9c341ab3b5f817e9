"""Calls a running exedev-sim with exe.dev's official SDK (exedev 0.4.0): a line for each method, then how many passed of those tried.

Wants EXE_DEV_API_KEY and EXE_DEV_ENDPOINT, as `exedev-sim env` prints them, and SIM_STATE, its directory. Exits 0 when all passed.
"""
import asyncio
import os
import subprocess
import sys
import tempfile

import exedev
import exedev.types as t
import httpx
from shapes import fits

endpoint = os.environ["EXE_DEV_ENDPOINT"]
results = {}


def client_of(token):
    return exedev.Client(token, base_url=endpoint.removesuffix("/exec"), max_retries=0)


client = client_of(os.environ["EXE_DEV_API_KEY"])


def check(name, call, expected=lambda value: True, shape=None):
    """One method; a value that is not as expected, or has not its type's shape, is a failure too."""
    try:
        value = call()
        misfit = fits(value, shape) if shape else ""
        results[name] = bool(expected(value)) and not misfit
        print(f"{'passed' if results[name] else 'FAILED'} {name}" + ("" if results[name] else f": {misfit} {value!r}"))
        return value
    except Exception as error:
        results[name] = False
        print(f"FAILED {name}: {type(error).__name__}: {error}")


def refused(name, kind, call):
    """One that must not be done."""
    try:
        value = call()
    except exedev.ExeError as error:
        return check(name, lambda: error, lambda error: isinstance(error, kind))
    return check(name, lambda: value, lambda _: False)


def post(line, token=None, **headers):
    token = token or os.environ["EXE_DEV_API_KEY"]
    return httpx.post(endpoint, content=line, headers={"Authorization": f"Bearer {token}"} | headers, timeout=60)


def account():
    check("whoami", client.whoami, lambda who: who["email"] == "owner@example.com", t.WhoamiResponse)
    check("doc", lambda: client.doc("proxy"), lambda text: "proxy" in text)
    check("browser", lambda: client.browser(qr=True))
    check("set_region", lambda: client.set_region("fra"))
    check("region", lambda: client.whoami()["region"], lambda code: code == "fra")
    check("billing.plan", client.billing.plan)
    check("billing.usage", client.billing.usage)
    check("pool.list", lambda: client.pool.list(usage=True, range="24h"))
    check("pool.new", lambda: client.pool.new("fast", cpus=8, region="lax", max_vms=10))
    check("pool.resize", lambda: client.pool.resize("fast", cpus=16))
    check("pool.rename", lambda: client.pool.rename("fast", "swift"))
    check("pool.hosts", client.pool.hosts)
    check("pool.list one", lambda: client.pool.list("swift"), lambda said: said["pools"][0]["cpus"] == 16)
    check("pool.delete", lambda: client.pool.delete("swift"))
    check("integrations.list", lambda: client.integrations.list(available=True))
    check("integrations.add", lambda: client.integrations.add("http-proxy", name="api", target="https://a.example", bearer="secret"))
    check("integrations.edit", lambda: client.integrations.edit("api", comment="it's mine"))
    check("integrations.attach", lambda: client.integrations.attach("api", "tag:ci"))
    check("integrations.detach", lambda: client.integrations.detach("api", "tag:ci"))
    check("integrations.rename", lambda: client.integrations.rename("api", "web"))
    check("integrations.test", lambda: client.integrations.test("web"))
    check("integrations.catalog", lambda: client.integrations.catalog("git"))
    check("integrations.remove", lambda: client.integrations.remove("web"), lambda said: said["removed"])
    check("invite", client.invite)
    check("invite.set_reward", lambda: client.invite.set_reward("extra-disk"))
    check("invite.show", client.invite.show, lambda shown: shown["reward"] == "extra-disk")
    for method in ["link", "rewards", "activity"]:
        check(f"invite.{method}", getattr(client.invite, method))
    check("team", client.team)
    check("team.add", lambda: client.team.add("kim@example.org", "user"))
    check("team.role", lambda: client.team.role("kim@example.org", "admin"))
    check("team.members", client.team.members, lambda rows: [row["role"] for row in rows] == ["owner", "admin"])
    check("team.remove", lambda: client.team.remove("kim@example.org"))
    check("team.rename", lambda: client.team.rename("ours"), lambda team: team["team_name"] == "ours")
    check("team.vm.ls", lambda: client.team.vm.ls(long=True, group="user"), lambda listed: "vms" in listed)


def lists(vm):
    check("vms", lambda: [each.name for each in client.vms()], lambda names: "sdk-one" in names)
    check("vms with a pattern", lambda: [each.name for each in client.vms("sdk-*")], lambda names: names == ["sdk-one"])
    check("vm", lambda: client.vm("sdk-one").name, lambda name: name == "sdk-one")
    refused("vm that is a prefix only", exedev.NotFoundError, lambda: client.vm("sdk-on"))
    check("wait_until_ready", vm.wait_until_ready)
    check("refresh", vm.refresh)
    check("status", lambda: vm.status, lambda status: status == "running")
    check("tags", lambda: vm.tags, lambda tags: tags == ("sdk",))
    check("created_at", lambda: vm.created_at, lambda time: time is not None)
    check("url", lambda: vm.url(3000, "/x"), lambda url: url == "https://sdk-one.exe.xyz:3000/x")
    for name, argument in [("ls", []), ("ls -l", ["-l"])]:
        check(f"{name} as it is", lambda: post(" ".join(["ls", *argument])).json(), shape=t.VMListResponse)


def commands(vm):
    check("run", lambda: vm.run("echo out; echo err >&2; exit 3", check=False), lambda end: (end.exit_code, end.stdout, end.stderr) == (3, "out\n", "err\n"))
    check("run without a shell", lambda: vm.run(["printf", "%s", "a 'b' $c"]).stdout, lambda out: out == "a 'b' $c")
    check("write_file", lambda: vm.write_file("/tmp/a b", b"bytes\x00\xff", mode=0o600))
    check("read_file", lambda: vm.read_file("/tmp/a b"), lambda data: data == b"bytes\x00\xff")
    check("spawn", lambda: vm.spawn("echo one; sleep 1; echo two", name="job"), lambda process: process.pid > 0)
    check("process.wait", lambda: vm.process("job").wait().exit_code, lambda code: code == 0)
    check("process.logs", lambda: vm.process("job").logs().stdout, lambda text: text == "one\ntwo\n")
    check("process.logs tail", lambda: vm.process("job").logs(tail=1).stdout, lambda text: text == "two\n")
    check("process.kill", lambda: vm.spawn("sleep 600", name="long").kill())
    check("process.poll", lambda: vm.process("long").wait().exit_code, lambda code: code == 137)
    check("processes", lambda: [each.name for each in vm.processes()], lambda names: sorted(names) == ["job", "long"])
    check("upload", lambda: vm.upload(__file__, "/tmp/drive.py"))
    with tempfile.TemporaryDirectory() as folder:
        check("download", lambda: vm.download("/tmp/drive.py", folder + "/back") or open(folder + "/back").read(), lambda text: text == open(__file__).read())
    plain = check("ssh in the older format", lambda: post("ssh sdk-one 'echo out; exit 3'"), lambda reply: reply.status_code == 200)
    check("ssh in the older format is text", lambda: (plain.headers["content-type"].split(";")[0], plain.text), lambda said: said == ("text/plain", "out\n"))
    killed = check("ssh of a command that a signal ends", lambda: post("ssh sdk-one 'kill -9 $$'", Accept="application/x-ndjson"), lambda reply: reply.status_code == 200)
    check("its status is 128 and the signal's number", lambda: killed.text.strip().splitlines()[-1], lambda line: line.replace(" ", "") == '{"exit_code":137}')
    stream = check("ssh in the newer format", lambda: post("ssh sdk-one 'exit 3'", Accept="application/x-ndjson"), lambda reply: reply.status_code == 200)
    check("ssh in the newer format ends with its status", lambda: stream.text.strip().splitlines()[-1], lambda line: line.replace(" ", "") == '{"exit_code":3}')


def changes(vm):
    check("set_comment", lambda: vm.set_comment("it's new"), shape=t.CommentResponse)
    check("comment", lambda: vm.refresh() or vm.comment, lambda text: text == "it's new")
    check("set_comment clears", lambda: vm.set_comment(""), lambda said: said["comment"] == "", t.CommentResponse)
    check("tag", lambda: vm.tag("more", "most"), lambda said: said["tags"] == ["sdk", "more", "most"], t.TagResponse)
    check("untag", lambda: vm.untag("more", "most"), lambda said: said["tags"] == ["sdk"], t.TagResponse)
    check("set_egress", lambda: vm.set_egress("integrations"), shape=t.EgressResponse)
    check("egress", lambda: vm.refresh() or vm.egress, lambda policy: policy == "integrations")
    for span in [None, "24h", "7d", "30d"]:
        check(f"stats {span}", lambda: vm.stats(range=span), lambda said: said["range"] == (span or "24h"), t.StatResponse)
    refused("stats 8d", exedev.APIError, lambda: vm.stats(range="8d"))
    check("grant_support_root", lambda: vm.grant_support_root(True))
    check("shelley.install", vm.shelley.install, lambda said: said["status"] == "installed", t.ShelleyInstalled)
    check("resize", lambda: vm.resize(cpu=4, memory="8GB", restart=True), shape=t.ResizeResponse)
    check("resize disk", lambda: vm.resize(disk="40GB"), lambda said: said["disk_new_bytes"] > said["disk_old_bytes"], t.ResizeResponse)
    check("pause", vm.pause, shape=t.PauseResponse)
    check("paused", lambda: client.vm("sdk-one").status, lambda status: status == "paused")
    refused("run on a paused VM", exedev.VMNotRunningError, lambda: vm.run("true"))
    check("resume", vm.resume, lambda said: said["cold_booted"] == "false", t.ResumeResponse)
    check("restart", vm.restart, shape=t.RestartResponse)
    check("write_file before a copy", lambda: vm.write_file("/home/exedev/kept", "kept"))
    copy = check("copy", lambda: vm.copy("sdk-two", copy_tags=False, egress="all"), lambda made: (made.name, made.tags, made.egress) == ("sdk-two", (), "all"))
    check("copy's disk", lambda: copy.read_file("/home/exedev/kept"), lambda data: data == b"kept")
    check("copy's host name", lambda: copy.run("hostname").stdout, lambda out: out == "sdk-two\n")
    check("cp as it is", lambda: post("cp sdk-one sdk-four").json(), shape=t.CpResponse)
    check("rename", lambda: copy.rename("sdk-three"), lambda said: said["https_url"] == "https://sdk-three.exe.xyz", t.RenameResponse)
    check("renamed host name", lambda: copy.run("hostname; cat /etc/hostname").stdout, lambda out: out == "sdk-three\nsdk-three\n")
    refused("old name", exedev.NotFoundError, lambda: client.vm("sdk-two"))
    refused("rename to a name that is taken", exedev.APIError, lambda: copy.rename("sdk-one"))


def sharing(vm):
    check("share.port", lambda: vm.share.port(), lambda said: said["port"] == 8000, t.ShareRoute)
    check("share.port set", lambda: vm.share.port(8080), lambda said: said["port"] == 8080, t.ShareRouteUpdate)
    check("share.set_public", vm.share.set_public, lambda said: said["share"] == "public", t.ShareRouteUpdate)
    check("share.set_private", vm.share.set_private, lambda said: said["share"] == "private", t.ShareRouteUpdate)
    check("share.add", lambda: vm.share.add("kim@example.org", message="it's yours"), shape=t.ShareInvite)
    check("share.add root", lambda: vm.share.add("lee@example.org", root=True), lambda said: said["share_level"] == "root", t.ShareRootChange)
    check("share.add team", lambda: vm.share.add("team"), shape=t.ShareTeamChange)
    check("share.add team again", lambda: vm.share.add("team"), shape=t.ShareMessage)
    check("share.add team root", lambda: vm.share.add("team", root=True), lambda said: said["team_ssh"], t.ShareTeamRootChange)
    link = check("share.add_link", lambda: vm.share.add_link(qr=True), shape=t.ShareLinkCreated)
    shown = check("share.show", vm.share.show, shape=t.ShareShowResponse)
    check("share.show users", lambda: [(user["email"], user["share_level"]) for user in shown["users"]], lambda users: users == [("kim@example.org", "web"), ("lee@example.org", "root")])
    check("share.show links", lambda: [each["token"] for each in shown["links"]], lambda tokens: tokens == [link["token"]])
    check("share.show teams", lambda: shown, lambda said: len(said["teams"]) == 1 and said["team_access"] and said["support_has_root"])
    check("share.remove_link", lambda: vm.share.remove_link(link["token"]), shape=t.ShareMessage)
    check("share.remove root", lambda: vm.share.remove("lee@example.org", root=True), lambda said: said["share_level"] == "web", t.ShareRootChange)
    check("share.remove", lambda: vm.share.remove("kim@example.org"), shape=t.ShareMessage)
    check("share.remove team root", lambda: vm.share.remove("team", root=True), shape=t.ShareTeamRootChange)
    check("share.remove team", lambda: vm.share.remove("team"), shape=t.ShareTeamChange)
    check("share.show after", vm.share.show, lambda said: [user["email"] for user in said["users"]] == ["lee@example.org"] and not said["links"])
    check("share.receive_email", vm.share.receive_email, lambda said: not said["email_enabled"], t.ReceiveEmailStatus)
    check("share.receive_email on", lambda: vm.share.receive_email(True, reply_policy="owner"), lambda said: said["reply_policy"] == "owner", t.ReceiveEmailChange)
    check("share.receive_email off", lambda: vm.share.receive_email(False), shape=t.ReceiveEmailChange)


def domains(vm):
    check("domain.add without DNS", lambda: vm.domain.add("www.example.com"), shape=t.DomainAddDNSMismatch)
    with open(os.environ["SIM_STATE"] + "/dns", "w") as file:
        file.write("www.example.com sdk-one.exe.xyz\napp.example.com sdk-one.exe.xyz\n")
    check("domain.add", lambda: vm.domain.add("www.example.com"), lambda said: "error" not in said, t.DomainAdded)
    missing = check("domain.add without delegation", lambda: vm.domain.add("app.example.com", wildcard=True), shape=t.DomainAddDelegationMissing)
    with open(os.environ["SIM_STATE"] + "/dns", "a") as file:
        file.write(f"{missing['delegation_name']} {missing['delegation_target']}\n")
    check("domain.add wildcard", lambda: vm.domain.add("app.example.com", wildcard=True), lambda said: said["wildcard"], t.DomainAdded)
    check("domain.ls", lambda: client.domain.ls("sdk-one"), lambda said: len(said["domains"]) == 2)
    check("domain.ls all", lambda: client.domain.ls(all=True), lambda said: len(said["domains"]) == 2)
    check("domain.remove", lambda: vm.domain.remove("www.example.com"), shape=t.DomainRmResponse)
    refused("domain.remove again", exedev.APIError, lambda: vm.domain.remove("www.example.com"))


def keys():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "laptop", "-f", folder + "/key"], check=True)
        line = open(folder + "/key.pub").read().strip()
    check("ssh_key.add", lambda: client.ssh_key.add(line, tag="sdk"))
    check("ssh_key.list", client.ssh_key.list, lambda said: "laptop" in [key["name"] for key in said["ssh_keys"]])
    check("ssh_key.rename", lambda: client.ssh_key.rename("laptop", "desk"))
    check("ssh_key.remove", lambda: client.ssh_key.remove(line))
    check("ssh_key.add for a VM", lambda: client.ssh_key.add(line, vm="sdk-one", ssh_user="root"))
    check("ssh_key.remove by name", lambda: client.ssh_key.remove("laptop"))
    refused("ssh_key.remove again", exedev.APIError, lambda: client.ssh_key.remove("laptop"))

    made = check("ssh_key.generate_api_key", lambda: client.ssh_key.generate_api_key(cmds=["ls", "share show"], exp="30d", label="few"), shape=t.GenerateAPIKeyResponse)
    few = client_of(made["token"])
    check("its commands", lambda: few.vm("sdk-one").share.show(), shape=t.ShareShowResponse)
    refused("no other command", exedev.PermissionDeniedError, lambda: few.vm("sdk-one").set_comment("x"))
    check("revoking it", lambda: client.ssh_key.remove("few"))
    refused("a revoked one", exedev.AuthenticationError, few.vms)

    made = check("ssh_key.generate_api_key for a VM", lambda: client.ssh_key.generate_api_key(vm="sdk-one"), lambda said: said["namespace"] == "v0@sdk-one.exe.xyz", t.GenerateAPIKeyResponse)
    refused("it is not for /exec", exedev.AuthenticationError, client_of(made["token"]).vms)
    short = check("exe0-to-exe1", lambda: post("exe0-to-exe1 " + os.environ["EXE_DEV_API_KEY"]).json()["token"], lambda text: text.startswith("exe1."))
    check("an exchanged token", lambda: client_of(short).whoami(), shape=t.WhoamiResponse)
    refused("a token that is none", exedev.AuthenticationError, client_of("exe1.none").vms)


def tag_scoped():
    made = check("ssh_key.generate_api_key for a tag", lambda: client.ssh_key.generate_api_key(tag="fleet"), shape=t.GenerateAPIKeyResponse)
    own = client_of(made["token"])
    vm = check("new under a tag", lambda: own.new(name="own-one", email=False, wait_until="created"), lambda vm: vm.tags == ("fleet",))
    check("vms under a tag", lambda: [each.name for each in own.vms()], lambda names: names == ["own-one"])
    refused("vm of another tag", exedev.NotFoundError, lambda: own.vm("sdk-one"))
    check("delete of another tag", lambda: own.delete("sdk-one"), lambda said: said["not_found"] == ["sdk-one"])
    refused("tag under a tag", exedev.PermissionDeniedError, lambda: vm.tag("more"))
    refused("billing.plan under a tag", exedev.PermissionDeniedError, own.billing.plan)
    check("rename under a tag", lambda: vm.rename("own-two"), shape=t.RenameResponse)
    check("delete under a tag", vm.delete)


async def asynchronous():
    async with exedev.AsyncClient(os.environ["EXE_DEV_API_KEY"], base_url=endpoint.removesuffix("/exec"), max_retries=0) as client:
        vm = await client.vm("sdk-one")
        return [(await vm.run("printf hello")).stdout, (await vm.share.show())["vm_name"], (await vm.stats(range="7d"))["range"]]


account()
vm = check("new", lambda: client.new(name="sdk-one", tags=["sdk"], comment="made by the SDK", env={"MODE": "a b"}, setup_script="echo 'a\\b'\n", email=False))
if vm is not None:
    lists(vm)
    commands(vm)
    changes(vm)
    sharing(vm)
    domains(vm)
    keys()
    tag_scoped()
    check("AsyncClient", lambda: asyncio.run(asynchronous()), lambda said: said == ["hello", "sdk-one", "7d"])
    check("new as it is", lambda: post("new --name=sdk-five --no-email").json(), shape=t.NewResponse)
    refused("new with a name that is taken", exedev.APIError, lambda: client.new(name="sdk-one", email=False))
    check("delete", lambda: client.delete("sdk-one", "sdk-three", "sdk-four", "sdk-five"), lambda said: len(said["deleted"]) == 4, t.RmResponse)
    check("delete a missing VM", lambda: client.delete("sdk-one"), lambda said: said["not_found"] == ["sdk-one"], t.RmResponse)
    check("vms at the end", client.vms, lambda vms: vms == [])
passed = sum(results.values())
print(f"{passed} methods passed of {len(results)} tried")
sys.exit(passed != len(results))
