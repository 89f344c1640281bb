"""`earmark plugins`: what is installed, what failed and why."""

from __future__ import annotations

import json

import click

from earmark.cli.studio import discovered, settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--traceback", is_flag=True, help="Show where a plugin failed.")
def plugins(as_json: bool, traceback: bool) -> int:
    """List the plugins, their tasks and their failures."""
    found = discovered(settings())
    if as_json:
        print(
            json.dumps(
                {
                    "plugins": [
                        {
                            "name": info.name,
                            "version": info.version,
                            "enabled": info.enabled,
                        }
                        for info in found.infos
                    ],
                    "tasks": list(found.tasks),
                    "failures": [
                        {"name": failure.name, "error": failure.error}
                        for failure in found.failures
                    ],
                },
                indent=2,
            )
        )
        return 1 if found.failures else 0
    for info in found.infos:
        state = "" if info.enabled else "  (disabled)"
        print(f"{info.name}  {info.version}{state}")
    for task in found.tasks.values():
        if not task.hidden:
            print(f"  {task.id}: {task.summary}")
    for failure in found.failures:
        print(f"FAILED {failure.name}: {failure.error}")
        if traceback:
            print(failure.traceback)
    return 1 if found.failures else 0
