"""One's own networks behind HTTP: a server for trained runs, with a page to draw on. It knows the labs, and is none."""
