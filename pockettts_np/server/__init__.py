"""Speech for other programs: one loaded model behind HTTP or the Wyoming protocol.

Read in this order: limits, turns, jobs, incoming_text, delivery, service, languages, voices, addresses,
fetch; http; wyoming.
"""
