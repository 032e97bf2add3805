"""The store of events, read whole: each sequence once, in order, without a hole."""

from failed import check, check_equal


def read_events(rest, after=0):
    """All events behind a sequence; fails where one is missing, twice, or out of order."""
    events = []
    while True:
        page = rest.expect(200, f"GET /api/v1/events?after={after}&limit=1000")
        check("gap" not in page, f"a gap: {page.get('gap')}")
        for event in page["events"]:
            after += 1
            found = event.get("sequence") or event["publication"]["sequence"]
            check_equal(found, after, "sequence of an event")
            events.append(event)
        if page["next_after"] >= page["head"]:
            check_equal(after, page["head"], "the last sequence")
            return events
