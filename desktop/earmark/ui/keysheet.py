"""The keys of all commands as a page to print."""

from __future__ import annotations

from html import escape

from earmark.ui.commands import MENUS, Commands, readable

_STYLE = """
body { font: 11pt system-ui, sans-serif; margin: 2em; color: #1b1f26;
       columns: 2; column-gap: 3em; }
h1 { column-span: all; font-size: 18pt; margin: 0 0 1em; }
h2 { font-size: 12pt; margin: 1.2em 0 .4em; break-after: avoid; }
table { border-collapse: collapse; width: 100%; }
td { padding: 3px 0; border-bottom: 1px solid #e4e7ec; }
tr { break-inside: avoid; }
td:last-child { text-align: right; white-space: nowrap; }
kbd { font: inherit; border: 1px solid #c3c8d0; border-radius: 4px; padding: 0 5px;
      margin-left: 4px; }
@page { margin: 15mm; }
"""


def key_sheet(commands: Commands) -> str:
    """An HTML page of every command that has a key, by menu."""
    groups: dict[str, list[str]] = {}
    for command in commands.all():
        keys = commands.keys(command.id)
        if keys:
            shown = " ".join(f"<kbd>{escape(readable(key))}</kbd>" for key in keys)
            title = escape(command.title.rstrip("…"))
            group = command.menu.split("/")[0] or "Elsewhere"
            groups.setdefault(group, []).append(
                f"<tr><td>{title}</td><td>{shown}</td></tr>"
            )
    order = [*MENUS, *(group for group in groups if group not in MENUS)]
    body = "".join(
        f"<h2>{group}</h2><table>{''.join(groups[group])}</table>"
        for group in order
        if group in groups
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>Earmark: keys</title><style>{_STYLE}</style>"
        f"<h1>Earmark: keys</h1>{body}</html>"
    )
