"""Speech for other programs: one loaded model behind HTTP or the Wyoming protocol.

Read in this order: limits, jobs, service, voices, fetch; http; incoming_text, wyoming.
"""
