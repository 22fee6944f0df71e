"""An engine process that needs no vLLM: speaks `shards`' protocol, and misbehaves as $FAKE_ENGINE (JSON) says.

A text depends on its seed and on the length of the adapter's path. Its child stands for vLLM's own processes.
"""

import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time

from spot_eval.models.vllm.lifetime import die_with_parent

faults = json.loads(os.environ.get("FAKE_ENGINE", "{}"))
end = socket.socket(fileno=int(sys.argv[-1]))
lines = end.makefile("rb")


def send(**message: object) -> None:
    end.sendall(json.dumps(message).encode() + b"\n")


def read() -> dict | None:
    line = lines.readline()
    return json.loads(line) if line else None


order = read()
die_with_parent(order["parent"])
code = "from spot_eval.models.vllm.lifetime import die_with_parent; die_with_parent(); import time; time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", code])
if "refuse" in faults:
    send(refused=faults["refuse"])
    sys.exit()
if "crash_at_start" in faults:
    print(faults["crash_at_start"], flush=True)
    os._exit(3)
send(
    context=faults.get("context", 4096), dtype="float32", device="fake", devices=faults.get("devices", []),
    devices_variable="FAKE_VISIBLE", devices_an_engine=faults.get("each", 1), across_nodes=False,
    max_num_seqs=faults.get("max_num_seqs", 4), version="0", arguments=order["arguments"],
)  # fmt: skip
if read() is None:
    sys.exit()
send(ready=True)

inbox: queue.SimpleQueue = queue.SimpleQueue()


def listen() -> None:
    while (message := read()) is not None:
        inbox.put(message)
    os._exit(0)


threading.Thread(target=listen, daemon=True).start()
most = answered = 0
adapter = None
while True:
    most = max(most, inbox.qsize())
    request = inbox.get()
    if "adapter" in request:
        adapter = request["adapter"]
        if adapter and adapter.endswith(faults.get("refuse_adapter", "/")):
            send(refused=f"vLLM cannot load the adapter {adapter}: no")
        else:
            send(ready=True)
        continue
    if answered == faults.get("die_after") and os.environ.get("FAKE_VISIBLE") in {None, *faults.get("where", ["0"])}:
        print("(EngineCore pid=1) ERROR 11-24 14:10:15 [core.py:1] torch.OutOfMemoryError: CUDA out of memory.")
        print("EngineDeadError: EngineCore encountered an issue.", flush=True)
        if "quietly" in faults:
            os.kill(os.getpid(), 9)
        send(died="its engine core failed")
        os._exit(1)
    if answered == faults.get("hang_after"):
        time.sleep(60)
    time.sleep(faults.get("delay", 0))
    if request["seed"] == faults.get("refuse_seed"):
        send(key=request["key"], refused="no such token")
    else:
        tokens = [5 + (request["seed"] + len(adapter or "")) % 200] * min(request["max_tokens"], 3)
        visible = os.environ.get("FAKE_VISIBLE", "")
        send(key=request["key"], tokens=tokens, reason="length", text=None, most=most, visible=visible)
    answered += 1
