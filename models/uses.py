"""Who uses a feature: the specs that select it and the tags that read it."""

from features import catalogue
from features.workspace import Workspace

from .spec import default_specs
from .tags import load_tags


def used_by(workspace: Workspace) -> dict[str, dict[str, list[str]]]:
    """Feature to the names of `specs` and `tags`, a workspace's own among them; every feature of the catalogue.

    Raises:
        SpecError: A spec or tag is wrong.
    """
    known = catalogue.of(workspace)
    found: dict[str, dict[str, list[str]]] = {name: {"specs": [], "tags": []} for name in known.names}
    for spec in default_specs(workspace):
        for name in known.select(spec.features).names:
            found[name]["specs"].append(spec.name)
    for tag, plan in load_tags(workspace, known).plans.items():
        for name in plan.features:
            found[name]["tags"].append(tag)
    return found
