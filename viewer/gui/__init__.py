"""The window: loop, mouse and keys, menus, sheets, dialogs, overlays; panels are in
viewer/panels."""
