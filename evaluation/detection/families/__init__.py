"""The families of the detection table: a file for each kind of rows."""
