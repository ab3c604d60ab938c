"""Command line, admin routes, doctor, the demo."""
