"""Speech for other programs: one loaded model behind HTTP or the Wyoming protocol.

Read in this order: limits, jobs, service, voices, addresses, fetch; http; incoming_text, wyoming.
"""
