"""What docs/asyncapi.json says beside the schemas: paths, servers, and which message goes which way."""

# Document C's channel message has no type; its schema has a name of its own.
UNTYPED = {"channel message": "channel.message"}

EITHER_WAY = (
    "ack",
    "agent.capability.update",
    "agent.performance.update",
    "agent.state.changed",
    "channel.message",
    "connection.metrics",
    "control.execute",
    "control.multi-agent.configure",
    "control.result",
    "coordination.initiated",
    "coordination.progress",
    "error",
    "message.flow.stats",
    "message.sent",
    "rtc.answer",
    "rtc.ice",
    "rtc.offer",
    "system.metrics",
)

CLIENT_SENDS = EITHER_WAY + (
    "auth.renew",
    "channel.close",
    "channel.create",
    "compression.negotiate",
    "graph.update",
    "handshake",
    "heartbeat",
    "stream.close",
    "stream.credit",
    "stream.open",
    "version.negotiate",
)

SERVER_SENDS = EITHER_WAY + (
    "agent.index",
    "agent.position.batch",
    "agent.removed",
    "auth.renewed",
    "channel.closed",
    "channel.created",
    "channel.error",
    "compression.selected",
    "control.multi-agent.configured",
    "gap",
    "graph.delta",
    "graph.snapshot",
    "handshake_ack",
    "heartbeat_ack",
    "stream.closed",
    "stream.error",
    "stream.opened",
    "version.selected",
)

# A request and all that may answer it.
REQUESTS = {
    "handshake": ("handshake_ack", "error"),
    "version.negotiate": ("version.selected", "error"),
    "compression.negotiate": ("compression.selected", "error"),
    "heartbeat": ("heartbeat_ack",),
    "auth.renew": ("auth.renewed", "error"),
    "connection.metrics": ("connection.metrics", "error"),
    "channel.create": ("channel.created", "channel.error"),
    "channel.close": ("channel.closed", "channel.error"),
    "stream.open": ("stream.opened", "stream.error"),
    "stream.credit": ("stream.error",),
    "stream.close": ("stream.closed", "stream.error"),
    "control.execute": ("control.result", "error"),
    "control.multi-agent.configure": ("control.multi-agent.configured", "error"),
}

# Type byte, golden vectors, summary and who sends it.
FRAMES = {
    "POSITION_UPDATE": (
        0x01,
        "position_update",
        "Where agents are, and how fast they move.",
        "client server",
    ),
    "STATE_BATCH": (0x02, "state_batch", "What agents are doing.", "client server"),
    "PERFORMANCE_METRICS": (0x03, "performance_metrics", "How agents perform.", "client server"),
    "COORDINATION_EVENT": (
        0x04,
        "coordination_event",
        "What agents decide together.",
        "client server",
    ),
    "COMPRESSED_BATCH": (0x05, "compressed_batch", "Frames, compressed as one.", "client server"),
    "HEARTBEAT": (
        0x06,
        "heartbeat",
        "A sign of life, with time stamps or without.",
        "client server",
    ),
    "TICK_INFO": (
        0x10,
        "tick_info",
        "Number and time of the tick that follows; with tick-info.",
        "server",
    ),
    "EDGE_BATCH": (0x11, "edge_batch", "Edges of the graph; with edge-batch.", "server"),
    "ERROR": (0xFF, "error", "What went wrong, for who speaks binary alone.", "server"),
}

POSITIONS = "Shows positions, and in JSON events."

# Address, title, description, and whether it is no alias.
CHANNELS = {
    "agents": ("/api/visualisation/agents/ws", "Agents", POSITIONS, True),
    "agentsAmerican": (
        "/api/visualization/agents/ws",
        "Agents, in American spelling",
        f"The same as agents. {POSITIONS}",
        False,
    ),
    "agentsShort": ("/agents/ws", "Agents, in short", f"The same as agents. {POSITIONS}", False),
    "graph": (
        "/api/graph/ws",
        "Graph",
        "Shows the graph of messages: a snapshot, then deltas.",
        True,
    ),
    "control": (
        "/api/control/ws",
        "Control",
        "Shows what is addressed to the session, and configurations.",
        True,
    ),
}

SERVERS = {
    "local": {
        "host": "127.0.0.1:8080",
        "protocol": "ws",
        "description": "As it starts without settings.",
    },
    "secure": {
        "host": "{host}",
        "protocol": "wss",
        "description": "Where TLS ends before it.",
        "variables": {"host": {"default": "localhost", "description": "Its name."}},
    },
}

# The request that opens the WebSocket.
WEBSOCKET = {
    "method": "GET",
    "query": {
        "type": "object",
        "properties": {
            "stream": {
                "type": "string",
                "pattern": "^[A-Za-z0-9_-]{1,128}$",
                "default": "main",
                "description": "The stream that the connection belongs to.",
            },
            "protocols": {
                "type": "string",
                "pattern": "^(?:binary|json)(?:,(?:binary|json))?$",
                "description": "Stands in for a handshake.",
            },
            "role": {"enum": ["viewer", "publisher"], "description": "As in the handshake."},
            "json_hz": {
                "type": "integer",
                "minimum": 1,
                "maximum": 60,
                "default": 10,
                "description": "How often positions come in JSON, a second.",
            },
        },
    },
    "headers": {
        "type": "object",
        "properties": {
            "Authorization": {"type": "string", "description": "Not looked at by this version."},
            "X-Client-Version": {"type": "string", "description": "Of the client's software."},
            "X-Requested-Protocols": {
                "type": "string",
                "description": "binary, json or both by comma; where the handshake doesn't say.",
            },
        },
    },
    "bindingVersion": "0.1.0",
}
