"""The window: loop, mouse and keys, menus, sheets, dialogs, what lies over the scene; panels are in
viewer/panels."""
