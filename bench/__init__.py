"""How fast levelhead is, against whom, on the same work: `python -m bench`, or `make bench`."""
