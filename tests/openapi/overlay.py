"""Laying ours over document A's source: adding is allowed, changing is not."""

# Of these the source's stands, but for descriptions: ours is said behind the source's.
PROSE = ("summary", "example")


class Change(Exception):
    """What was to be laid over the source says something else than it."""


def overlay(source, ours, path=""):
    """The source with what ours has beside it."""
    if isinstance(source, dict) and isinstance(ours, dict):
        made = dict(source)
        for key, value in ours.items():
            if key not in source:
                made[key] = value
            elif key == "description" and isinstance(value, str):
                made[key] = joined(source[key], value)
            elif key not in PROSE:
                made[key] = overlay(source[key], value, f"{path}/{key}")
        return made
    if isinstance(source, list) and isinstance(ours, list):
        return overlay_list(source, ours, path)
    if source != ours or isinstance(source, bool) != isinstance(ours, bool):
        raise Change(f"{path}: the source has {source!r}, ours {ours!r}")
    return source


def joined(source, ours):
    return source if ours in source else f"{source.rstrip('.')}. {ours}"


def overlay_list(source, ours, path):
    """Parameters are matched by name; of other lists, the source's must be in ours."""
    if all(isinstance(one, dict) and "name" in one for one in source):
        by_name = {one["name"]: one for one in ours}
        kept = [
            overlay(one, by_name.get(one["name"], {}), f"{path}/{one['name']}") for one in source
        ]
        known = {one["name"] for one in source}
        return kept + [one for one in ours if one["name"] not in known]
    return source + [one for one in ours if one not in source]
