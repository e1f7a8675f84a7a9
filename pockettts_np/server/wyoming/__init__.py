"""Speech for Home Assistant over the Wyoming protocol.

Read in this order: events, connection, listening, announcement.
"""
