#!/usr/bin/env python3
"""Makes agnt.json, the Grafana dashboard, from the table below; with --check, says whether it is that."""

import json
import pathlib
import sys

FILE = pathlib.Path(__file__).with_name("agnt.json")
SOURCE = {"type": "prometheus", "uid": "${source}"}
ONE = '{instance=~"$instance"}'
RATE = "[$__rate_interval]"


def rate(metric, labels=""):
    return f'sum(rate({metric}{{instance=~"$instance"{labels}}}{RATE}))'


def rate_by(label, metric, labels=""):
    return f'sum by ({label}) (rate({metric}{{instance=~"$instance"{labels}}}{RATE}))'


def quantile(share, histogram):
    return f"histogram_quantile({share}, sum by (le) (rate({histogram}_bucket{ONE}{RATE})))"


def quantiles(histogram):
    return [(f"p{share:g}", quantile(share / 100, histogram)) for share in (50, 99)]


# A row's title, then its panels: title, unit, width of 24, (legend, query)...; one query is a figure.
ROWS = [
    ("Overview", [
        ("Ready", "bool_yes_no", 3, [("", f"min(agnt_ready{ONE})")]),
        ("Version", "string", 3, [("{{version}}", f"agnt_build_info{ONE}")]),
        ("Viewers", "short", 3, [("", f'sum(agnt_sessions{{instance=~"$instance",role="viewer"}})')]),
        ("Publishers", "short", 3, [("", f'sum(agnt_sessions{{instance=~"$instance",role="publisher"}})')]),
        ("Agents", "short", 3, [("", f"sum(agnt_agents{ONE})")]),
        ("Streams", "short", 3, [("", f"sum(agnt_streams{ONE})")]),
        ("Processor", "percentunit", 3, [("", rate("process_cpu_seconds_total"))]),
        ("Memory", "bytes", 3, [("", f"sum(process_resident_memory_bytes{ONE})")]),
    ]),
    ("Streams", [
        ("Frames", "cps", 8, [("in", rate("agnt_frames_in_total")), ("out", rate("agnt_frames_out_total"))]),
        ("Bytes", "Bps", 8, [("in", rate("agnt_bytes_in_total")), ("out", rate("agnt_bytes_out_total"))]),
        ("From arrival to the viewer's socket", "s", 8, quantiles("agnt_publish_to_write_seconds")),
        ("Turn of an event loop", "s", 8, quantiles("agnt_loop_turn_seconds")),
        ("Viewers that are behind", "short", 8, [
            ("stalled", f"sum(agnt_viewers_stalled{ONE})"),
            ("moved to a state frame, a second", rate("agnt_conflations_total")),
        ]),
        ("Bytes that wait or are kept", "bytes", 8,
            [("{{queue}}", f"sum by (queue) (agnt_queue_bytes{ONE})")]),
        ("Round trip", "s", 8, quantiles("agnt_round_trip_seconds")),
        ("Encoder", "percentunit", 8, [("processor", rate("agnt_encoder_cpu_seconds_total"))]),
        ("Dropped", "cps", 8, [("{{reason}}", rate_by("reason", "agnt_dropped_total"))]),
    ]),
    ("Connections", [
        ("Open", "short", 8, [
            ("{{kind}}", f"sum by (kind) (agnt_connections{ONE})"),
            ("sessions that there may be", f"sum(agnt_sessions_max{ONE})"),
        ]),
        ("Ended", "cps", 8, [("{{reason}}", rate_by("reason", "agnt_disconnects_total"))]),
        ("Refused", "cps", 8, [("{{reason}}", rate_by("reason", "agnt_connections_refused_total"))]),
        ("Handshakes", "cps", 8, [("{{result}}", rate_by("result", "agnt_handshakes_total"))]),
        ("Malformed messages", "cps", 8, [("", rate("agnt_decode_errors_total"))]),
        ("Files", "short", 8, [
            ("open", f"sum(process_open_fds{ONE})"),
            ("allowed", f"sum(process_max_fds{ONE})"),
        ]),
    ]),
    ("Agent API and store", [
        ("Requests", "reqps", 8, [("{{status}}", rate_by("status", "agnt_requests_total"))]),
        ("Time to the answer", "s", 8, quantiles("agnt_request_seconds")),
        ("Commits", "cps", 8, [
            ("commits", rate("agnt_fleet_commits_total")),
            ("changes", rate("agnt_fleet_committed_total")),
            ("failures", rate("agnt_fleet_commit_failures_total")),
        ]),
        ("Time of a commit", "s", 8, quantiles("agnt_fleet_commit_seconds")),
        ("Changes that wait", "short", 8, [("", f"sum(agnt_fleet_queue{ONE})")]),
        ("Rows", "short", 8, [("{{kind}}", f"sum by (kind) (agnt_fleet_rows{ONE})")]),
        ("The store's files", "bytes", 8, [
            ("together", f"sum(agnt_store_bytes{ONE})"),
            ("journal", f"sum(agnt_store_journal_bytes{ONE})"),
        ]),
        ("The store's disk", "cps", 8, [
            ("syncs: {{file}}", rate_by("file", "agnt_store_syncs_total")),
            ("commits in the journal", rate("agnt_store_journal_commits_total")),
            ("settled in the database", rate("agnt_store_settlements_total")),
        ]),
        ("Written to the journal", "Bps", 8, [("", rate("agnt_store_journal_written_bytes_total"))]),
        ("Callbacks", "cps", 8, [
            ("delivered", rate("agnt_callbacks_delivered_total")),
            ("tried again", rate("agnt_callbacks_retried_total")),
            ("failed", rate("agnt_callbacks_failed_total")),
        ]),
        ("Changes and their results", "cps", 8, [
            ("{{result}}", rate_by("result", "agnt_fleet_mutations_total")),
        ]),
    ]),
    ("Process", [
        ("Processor", "percentunit", 8, [("", f"rate(process_cpu_seconds_total{ONE}{RATE})")]),
        ("Memory", "bytes", 8, [
            ("held", f"process_resident_memory_bytes{ONE}"),
            ("at most so far", f"process_resident_memory_max_bytes{ONE}"),
        ]),
        ("Configuration", "short", 8, [
            ("read anew: {{result}}", f"sum by (result) (agnt_reloads_total{ONE})"),
            ("settings that wait for a restart", f"sum(agnt_settings_awaiting_restart{ONE})"),
            ("tasks begun anew", f"sum(agnt_task_restarts_total{ONE})"),
        ]),
    ]),
]


def panel(number, place, title, unit, queries):
    is_figure = place["h"] == 4
    targets = [
        {"refId": chr(ord("A") + index), "datasource": SOURCE, "expr": query, "legendFormat": legend or "__auto"}
        for index, (legend, query) in enumerate(queries)
    ]
    options = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
    if is_figure:
        text = "name" if unit == "string" else "auto"
        options = {"colorMode": "none", "textMode": text, "reduceOptions": {"calcs": ["lastNotNull"]}}
    defaults = {"unit": unit, "min": 0}
    if not is_figure:
        defaults["custom"] = {"fillOpacity": 8, "showPoints": "never"}
    return {
        "id": number,
        "type": "stat" if is_figure else "timeseries",
        "title": title,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "targets": targets,
    }


def panels():
    made, y = [], 0
    for title, members in ROWS:
        made.append({"id": len(made) + 1, "type": "row", "title": title, "collapsed": False, "panels": [],
                     "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}})
        y, x = y + 1, 0
        for name, unit, width, queries in members:
            height = 4 if width < 8 else 8
            if x + width > 24:
                x, y = 0, y + height
            place = {"x": x, "y": y, "w": width, "h": height}
            made.append(panel(len(made) + 1, place, name, unit, queries))
            x += width
        y += height
    return made


def dashboard():
    choice = {"type": "query", "includeAll": True, "multi": True, "refresh": 2, "name": "instance", "label": "Server",
              "datasource": SOURCE, "query": "label_values(agnt_build_info, instance)",
              "current": {"text": "All", "value": "$__all"}}
    source = {"type": "datasource", "name": "source", "label": "Data source", "query": "prometheus"}
    return {
        "uid": "agnt",
        "title": "AGNT",
        "tags": ["agnt"],
        "schemaVersion": 39,
        "timezone": "browser",
        "refresh": "15s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [source, choice]},
        "panels": panels(),
    }


def main():
    text = json.dumps(dashboard(), indent=1) + "\n"
    if sys.argv[1:] == ["--check"]:
        if FILE.read_text() != text:
            sys.exit(f"{FILE.name} is not what its maker makes: run {pathlib.Path(__file__).name}")
    else:
        FILE.write_text(text)


main()
