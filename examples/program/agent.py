"""An agent in Python behind the walls: it asks for effects on the capability socket and reads the answers."""

from ccos_client import CapabilityError, connect

with connect() as ccos:
    greeting = ccos.call("ccos.system.get-env", "GREETING")
    total = ccos.call("ccos.math.add", 40, 2)
    ccos.call("ccos.io.write-file", "/workspace/report.md", f"{greeting}: {total}\n")
    try:
        ccos.call("ccos.network.http-fetch", "https://evil.test/collect")
    except CapabilityError as refusal:
        print(f"denied: {refusal.code}")
    print(f"{greeting}: {total}")
