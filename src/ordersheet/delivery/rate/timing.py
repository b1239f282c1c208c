"""How often a process that keeps its pace with others looks for them, asks and tells."""

ACTIVE = 3.0
"""A run that has told nothing for so many seconds has ended, or hangs."""
SLICE = 1.0
"""Seconds for which permits are taken, and for which they may be taken ahead."""
LEAD = 0.3
"""So many seconds before the last permit is due, others are asked for."""
LOST = ACTIVE
"""Seconds without an answer after which this process goes on alone, with its share."""
LOOK, SOON = 0.5, 0.1
"""Seconds between two looks for others, and between two while those who are there are waited for."""
NOTICE = 0.25
"""Seconds between two looks for what others have seen, at most."""
BEFORE, NARROW = 0.05, 0.05
"""So many seconds before a request may go, what others have seen is looked for as well; and seconds between
two such looks, at least. Who sends seldom sees a push-back in time so, and looks seldom."""
PATIENCE = 1.0
"""Seconds for which others are waited for, who are there but have not told anything yet."""
APART = 0.05
"""Seconds between two exchanges, at least, where nothing has happened that concerns all."""
