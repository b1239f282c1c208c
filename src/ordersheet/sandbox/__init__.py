"""A practice Order API on loopback: the same endpoint, on made-up orders, with faults on request.

It imports nothing of ordersheet, so that it can judge it.
"""
