"""Drives a headless Chromium through its debugging pipe: drive.py CHROMIUM PROXY PROFILE URL STEP...

Opens the URL, then clicks what each STEP, a CSS selector, finds. For each page that this leads to it prints a line of JSON: the URL and the
text that a person reads. PROXY is where the names below exe.xyz are served.
"""
import json
import signal
import subprocess
import sys

chromium, proxy, profile, url, *steps = sys.argv[1:]
options = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--ignore-certificate-errors", "--no-proxy-server",
    f"--host-resolver-rules=MAP *.exe.xyz {proxy}", f"--user-data-dir={profile}", "--remote-debugging-pipe",
]
# It reads commands on descriptor 3 and writes answers and events on 4.
browser = subprocess.Popen(
    ["sh", "-c", 'exec "$@" 3<&0 4>&1 </dev/null >/dev/null', "sh", chromium, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
signal.signal(signal.SIGALRM, lambda *_: sys.exit(f"{chromium} does not answer"))
signal.alarm(120)
number = 0


def read():
    text = b""
    while not text.endswith(b"\0"):
        byte = browser.stdout.read(1)
        if not byte:
            sys.exit(f"{chromium} has ended")
        text += byte
    return json.loads(text[:-1])


def call(method, session=None, until=None, **parameters):
    """The command's result, once it and the event `until` have come."""
    global number
    number += 1
    message = {"id": number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
    browser.stdin.write(json.dumps(message).encode() + b"\0")
    browser.stdin.flush()
    result = None
    while result is None or until:
        answer = read()
        if answer.get("method") == until:
            until = None
        if answer.get("id") == number:
            if "error" in answer:
                sys.exit(f"{method}: {answer['error']}")
            result = answer["result"]
    return result


def value(script, **more):
    result = call("Runtime.evaluate", page, expression=script, returnByValue=True, **more)
    if "exceptionDetails" in result:
        sys.exit(f"{script}: {result['exceptionDetails']}")
    return result["result"].get("value")


try:
    target = call("Target.createTarget", url="about:blank")["targetId"]
    page = call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    call("Page.enable", page)
    failure = call("Page.navigate", page, until="Page.loadEventFired", url=url).get("errorText")
    for step in [*steps, None]:
        if failure:
            sys.exit(f"{url}: {failure}")
        print(json.dumps({"url": value("location.href"), "text": value("document.body.innerText")}), flush=True)
        if step:
            value(f"document.querySelector({json.dumps(step)}).click()", until="Page.loadEventFired")
finally:
    browser.kill()
    browser.wait()
