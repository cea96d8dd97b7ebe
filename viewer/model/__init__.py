"""Plain data: settings, camera, readings, color maps. Imports no other room."""
