"""Search over the states of a system. Nothing here knows what the protocol is about."""
