"""A task over a classifier is a short plugin: the shared piece does the work."""

from __future__ import annotations

from tests.benchmarks import plugins


def test_a_plugin_over_a_classifier_has_no_more_than_forty_lines() -> None:
    assert [row.what for row in plugins.rows(short=True) if not row.reached] == []
