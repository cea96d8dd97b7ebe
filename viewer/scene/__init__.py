"""The files that are open and how they are drawn: panes, legend, costs, results."""
