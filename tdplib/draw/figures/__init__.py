"""
The figures of the course, one a module: each takes plain data and gives a `Picture`.

What needs a run (an exploration, a trace) is made by `tdplib.figure` and handed in.
"""
