"""Sentences of the page."""

from __future__ import annotations

OTHER_HOST = "This page answers to 127.0.0.1 and localhost only."
OTHER_SITE = "Another site cannot change anything here. Use the page itself."
NO_COOKIE = "This page belongs to the person who started it. Start ordersheet web again: it opens the page."
WENT_WRONG = "Something went wrong in the page itself, and nothing was sent by it. Go back and try again."
NOT_THERE = "There is nothing at this address. It may have been removed."
NO_FILE_CHOSEN = "No file was chosen. Choose a spreadsheet, or drop one here."
EMPTY_FILE = "The file {name} has 0 bytes. Save it again where it comes from, then choose it here."
TOO_LARGE = "The file is larger than {limit}. Split it, or save it as CSV, and choose it again."
DISK_FULL = "The file could not be kept: {reason}. Make room on the disk, then choose it again."
NO_ROOM_FOR_ROWS = (
    "The rows could not be kept to be shown: {reason}. Make room on the disk, then choose the file again."
)
UNDO_NOT_KEPT = "Nothing was undone, since it could not be noted: {reason}. Make room on the disk, then undo."
SERVER_ENDED = "The page's server ended before this was sent. Nothing of it was sent; send it again."
TAKEN_BACK = "This was taken out of the line before its turn. Nothing of it was sent."
FORGOTTEN = "The file was removed before its turn. Nothing was sent; choose it again."
RUN_BROKE = (
    "The run ended by a fault in the program itself. What was sent is in the ledger: send again, and what is "
    "done is left as it is."
)
FORM_TOO_LARGE = "That is more than a form of this page can hold. Go back, and send less at once."
NO_LENGTH = "The browser did not say how large the file is. Choose it again."
NOTHING_TO_SEND = "Nothing of this sheet can be sent as it stands. Look at it once more."
NO_SANDBOX = "The sandbox did not start within 30 seconds. Try again."
UNKNOWN_FIELD = "{text} is no field. Choose one of the list, or give the attribute a key."
NOT_THE_TEXT = "This cell was removed from the page meanwhile. Reload the page."
