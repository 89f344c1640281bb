"""The commands of the window, one module for each menu."""
