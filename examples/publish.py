# A ring of 100 agents at 60 Hz. Usage: python publish.py [ws://127.0.0.1:8080]
import json, math, struct, sys, time
from websockets.sync.client import connect

with connect((sys.argv[1:] or ["ws://127.0.0.1:8080"])[0] + "/api/visualisation/agents/ws") as ws:
    ws.send(json.dumps({"type": "handshake", "version": "1.0.0", "capabilities": ["binary"], "role": "publisher",
                        "clientId": "ring", "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}))
    ws.recv()  # the server's handshake_ack
    while True:
        angles = [agent * 0.0628 + time.time() / 2 for agent in range(100)]
        ring = [(200 * math.cos(angle), 200 * math.sin(angle)) for angle in angles]
        records = [struct.pack("<I6f", agent, x, 0, z, -z / 2, 0, x / 2) for agent, (x, z) in enumerate(ring)]
        ws.send(struct.pack("<4sBBHI", b"AGNT", 1, 0, 4 + 28 * 100, 100) + b"".join(records))
        time.sleep(1 / 60)
