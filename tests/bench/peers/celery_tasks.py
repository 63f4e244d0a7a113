"""The application of celery.py's worker: its broker and results are in CELERY_REDIS."""

import os

from celery import Celery

app = Celery("celery_tasks", broker=os.environ["CELERY_REDIS"], backend=os.environ["CELERY_REDIS"])
app.conf.update(worker_prefetch_multiplier=64, task_serializer="json", result_serializer="json",
                accept_content=["json"])


@app.task
def noop(payload):
    return payload
