"""Speech for other programs: one loaded model behind HTTP or the Wyoming protocol.

Read in this order: limits, turns, jobs, incoming_text, delivery, service, languages,
voice_folder, voices, fetching; http; wyoming.
"""
