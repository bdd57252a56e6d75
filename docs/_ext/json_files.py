"""The directive ``json-files``: objects of ``reference/json.toml`` as tables and JSON Schemas."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

SOURCE = Path(__file__).parent.parent / "reference" / "json.toml"
WORDS = {
    "int": {"type": "integer"},
    "number": {"type": "number"},
    "string": {"type": "string"},
    "bool": {"type": "boolean"},
    "null": {"type": "null"},
    "any": {},
}

Schema = dict[str, Any]


def tables() -> dict[str, dict[str, dict[str, str]]]:
    """Return the objects by group: verbs, files, objects."""
    return tomllib.loads(SOURCE.read_text("utf-8"))


def schema_of(type_: str) -> Schema:
    """Return the schema of a type; the head of ``json.toml`` has the grammar."""
    depth, start, parts = 0, 0, []
    for k, letter in enumerate(f"{type_}|"):
        depth += (letter in "[{") - (letter in "]}")
        if letter == "|" and not depth:
            parts.append(type_[start:k])
            start = k + 1
    if len(parts) > 1:
        return {"anyOf": [schema_of(part) for part in parts]}
    if type_.startswith("@"):
        name = type_[1:] if "." in type_ else f"objects.{type_[1:]}"
        return {"$ref": f"#/$defs/{name}"}
    if type_[0] in "[{":
        inner = schema_of(type_[1:-1])
        if type_[0] == "[":
            return {"type": "array", "items": inner}
        return {"type": "object", "additionalProperties": inner}
    return dict(WORDS[type_])


def object_schema(keys: Mapping[str, str]) -> Schema:
    """Return the schema of an object: no key may be missing, and none may be new."""
    properties: dict[str, Schema] = {}
    required: list[str] = []
    others: bool | Schema = False
    for key, text in keys.items():
        if key == "title":
            continue
        type_, _, meaning = text.partition(": ")
        schema = schema_of(type_) | ({"description": meaning} if meaning else {})
        if key == "*":
            others = schema
        else:
            name = key.rstrip("?_")
            properties[name] = schema
            required += [] if key.endswith("?") else [name]
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": others,
    }


def schema(group: str, name: str) -> Schema:
    """Return the whole JSON Schema of a verb's object or of a file."""
    every = tables()
    defs = {f"objects.{n}": object_schema(keys) for n, keys in every["objects"].items()}
    defs["verbs.drive"] = object_schema(every["verbs"]["drive"])
    head: Schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    head |= {"title": every[group][name]["title"]} | object_schema(every[group][name])
    used: set[str] = set()
    wanted = set(re.findall(r"#/\$defs/([\w.]+)", json.dumps(head)))
    while wanted - used:
        used |= wanted
        wanted = {
            n for u in used for n in re.findall(r"#/\$defs/([\w.]+)", json.dumps(defs[u]))
        } | wanted
    return head | ({"$defs": {n: defs[n] for n in sorted(used)}} if used else {})


def written(type_: str) -> str:
    """Return a type in words, with links to objects."""
    type_ = type_.replace("|", " or ")
    return re.sub(r"@([\w.]+)", lambda m: f"[{m[1]}](#json-{m[1].replace('.', '-')})", type_)


def page(group: str) -> Iterator[str]:
    """Yield the lines of all objects of a group, in Markdown."""
    for name, keys in tables()[group].items():
        anchor = f"verbs-{name}" if group == "verbs" else name
        anchor = f"file-{name}" if group == "files" else anchor
        yield from (f"(json-{anchor})=", f"### {keys.get('title', name)}", "")
        if group != "objects":
            link = f"../_static/{folder(group, name)}"
            yield from (f'<a href="{link}">JSON Schema</a>', "")
        yield from ("| key | type | meaning |", "| --- | --- | --- |")
        for key, text in keys.items():
            type_, _, meaning = text.partition(": ")
            if key != "title":
                shown = "any name" if key == "*" else f"`{key.rstrip('?_')}`"
                maybe = " (may be absent)" if key.endswith("?") else ""
                yield f"| {shown}{maybe} | {written(type_)} | {meaning.replace('|', ' or ')} |"
        yield ""


def folder(group: str, name: str) -> str:
    """Return where the schema lies, below the site's ``_static``."""
    return f"schemas/{group}/{name}.json"


class JsonFiles(SphinxDirective):
    """Tables of one group: ``verbs``, ``files`` or ``objects``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(SOURCE))
        text = "\n".join(page(self.arguments[0]))
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the schemas beside the pages."""
    for group in ("verbs", "files"):
        for name in tables()[group]:
            path = Path(app.outdir) / "_static" / folder(group, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(schema(group, name), indent=1) + "\n")


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("json-files", JsonFiles)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True}
