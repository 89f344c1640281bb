"""Networks that no library has, for the plugins that load their weights."""
