"""The directive ``verbs``: the command line, written from its own parser."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from bitrill.cli.parser import parsers
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


def cell(text: str) -> str:
    """Return text for a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def named(action: argparse.Action) -> str:
    """Return an argument as it is typed."""
    if not action.option_strings:
        return f"`{action.metavar or action.dest}`"
    value = "" if action.nargs == 0 else f" {action.metavar or '|'.join(map(str, choices(action)))}"
    return ", ".join(f"`{name}{value}`" for name in action.option_strings)


def choices(action: argparse.Action) -> list[str]:
    """Return the words that an argument takes; none if it takes others."""
    return [] if action.choices is None else list(map(str, action.choices))


def meaning(action: argparse.Action) -> str:
    """Return what an argument does, and the words that it takes."""
    said = [cell(action.help or "")]
    if choices(action):
        said.append(f"one of {', '.join(f'`{word}`' for word in choices(action))}")
    if action.required and action.option_strings:
        said.append("must be given")
    return "; ".join(said)


def page(verbs: dict[str, argparse.ArgumentParser]) -> Iterator[str]:
    """Yield the lines of a section for each verb, in Markdown."""
    for name, parser in verbs.items():
        usage = " ".join(parser.format_usage().removeprefix("usage: ").split())
        yield from (f"(verb-{name})=", f"## bitrill {name}", "", f"{parser.description}", "")
        yield from ("```text", usage, "```", "", "| argument | meaning |", "| --- | --- |")
        for action in parser._actions:
            if not isinstance(action, argparse._HelpAction):
                yield f"| {named(action)} | {meaning(action)} |"
        yield ""


class Verbs(SphinxDirective):
    """One section for each verb."""

    def run(self) -> list[nodes.Node]:
        text = "\n".join(page(dict(parsers()[1])))
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("verbs", Verbs)
    return {"parallel_read_safe": True}
