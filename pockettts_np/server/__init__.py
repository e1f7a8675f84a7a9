"""Speech for other programs: one loaded model behind HTTP (`app`, `run`) or Home Assistant's protocol (`wyoming`)."""
