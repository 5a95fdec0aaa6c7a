"""Six deep-learning labs. `python -m labs` lists them; `python -m labs.cnn` runs one."""
