"""Turns speech into the words that a recogniser hears; the task's metric compares."""

from models import serve  # first: it says where the modules of models are
from speech import hear_general

hear = hear_general()
serve("hear-general", lambda request: hear({"input": {"audio_file": request["file"]}}))
