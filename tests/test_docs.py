"""The reference pages say what the code says, and the README names only what there is."""

import importlib.util
import re

import click

import intently

from .conftest import ROOT


def test_reference_pages_are_rendered_from_the_code():
    spec = importlib.util.spec_from_file_location("render", ROOT / "docs" / "render.py")
    render = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(render)
    stale = [name for name, text in render.pages().items() if (ROOT / "docs" / name).read_text() != text]
    assert not stale, f"run `make docs`: {stale}"


def test_readme_names_verbs_and_options_that_exist():
    text = (ROOT / "README.md").read_text()
    seen = 0
    for line in re.findall(r"^(?:\.venv/bin/)?intently (.*?)(?:\s+#.*)?$", text, re.MULTILINE):
        words = line.split()
        if words[0] == "--home":
            words = words[2:]
        command = intently.cli
        while isinstance(command, click.Group):
            assert words[0] in command.commands, line
            command = command.commands[words.pop(0)]
        options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        assert {word for word in words if word.startswith("--")} <= options, line
        seen += 1
    assert seen > 10


def test_links_in_the_documentation_lead_somewhere():
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
