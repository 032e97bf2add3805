"""What a test says when something didn't come true."""

from datetime import datetime


class Failed(Exception):
    """What was expected didn't come true."""


def check(holds, what):
    if not holds:
        raise Failed(what)


def check_equal(found, expected, what):
    check(found == expected, f"{what}: expected {expected!r}, found {found!r}")


def check_part(found, expected, what):
    """All that is expected stands in what was found, which may have more keys."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key, value in expected.items():
            check(key in found, f"{what}.{key} is missing in {found}")
            check_part(found[key], value, f"{what}.{key}")
    else:
        check_equal(moment(found), moment(expected), what)


def moment(value):
    """A text that is a moment as that moment, however many digits it has."""
    try:
        return datetime.fromisoformat(value) if "T" in value else value
    except (TypeError, ValueError):
        return value
