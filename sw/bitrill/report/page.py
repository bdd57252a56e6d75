"""Renders a page: templates, style and script become one HTML file that loads nothing."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).with_name("templates")

TIMES = "\N{MULTIPLICATION SIGN}"

MOST_LETTERS = 40
"""Letters of a name that are shown where room is short; the whole name is in its tooltip."""


def render(template: str, **values: object) -> str:
    """Return the HTML of a page; every value is escaped.

    The page's policy allows its own script alone, so that nothing else in it can run.
    """
    script = (TEMPLATES / "script.js").read_text()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _environment()
        .get_template(template)
        .render(
            **values,
            style=_style(template),
            script=script,
            policy=f"default-src 'none'; style-src 'unsafe-inline'; img-src data:;"
            f" script-src 'sha256-{digest}'",
        )
    )


def _style(template: str) -> str:
    """Return the style of drawings, and for pages that of everything else."""
    names = ("graph.css", "style.css") if template.endswith(".html.j2") else ("graph.css",)
    return "".join((TEMPLATES / name).read_text() for name in names)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": count, "short": short, "brief": brief, "percent": percent}
    return environment


def count(value: float) -> str:
    """Return an integer with separators, or a number with up to three digits behind the point."""
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"


PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))


def brief(value: float, unit: str = "") -> str:
    """Return a number with three digits and a metric prefix: ``1.56 M``."""
    size, prefix = next((p for p in PREFIXES if abs(value) >= p[0]), (1.0, ""))
    digits = value / size
    text = f"{digits:.0f}" if abs(digits) >= 100 else f"{digits:.3g}"
    return f"{text} {prefix}{unit}".rstrip()


def percent(share: float) -> str:
    """Return a share as a percentage."""
    return f"{100 * share:.4g}\N{NO-BREAK SPACE}%"


def short(text: str, most: int = MOST_LETTERS) -> str:
    """Return a text cut in its middle to ``most`` letters."""
    if len(text) <= most:
        return text
    head = (most - 1) * 2 // 3
    return f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"
