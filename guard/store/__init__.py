"""The list of targets: its database, its generations, and who serves which."""
