"""An RQ worker that runs jobs in its own process and outlives Redis.

Jobs are small and carry ids; forking for each would cost five times what they do (``docs/performance.md``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from types import FrameType
from typing import Final

import redis
import structlog
from django.db import close_old_connections
from django_rq.queues import get_queue, get_queues
from rq.executions import Execution
from rq.job import Job
from rq.queue import Queue
from rq.worker import SimpleWorker

from apps.core.redis import channel_name, client
from apps.core.stopping import StopRequest

RETRY_SECONDS: Final = 1.0
WAKE_SECONDS: Final = 5

log = structlog.get_logger(__name__)


def wake_worker(queue_name: str, job: Callable[[], object], *, seconds: int) -> bool:
    """Ask for a worker to run a job, unless one has been asked for just now; say whether Redis heard it.

    The job calls ``is_awake`` when it begins; it hangs after ``seconds``. What it has to do stands in PostgreSQL.
    """
    try:
        if client().set(channel_name(queue_name), b"", nx=True, ex=WAKE_SECONDS):
            queue = get_queue(queue_name, connection=client(), commit_mode="auto")
            queue.enqueue(job, ttl=60, job_timeout=seconds, result_ttl=0, failure_ttl=24 * 3600)
    except redis.RedisError as error:
        log.warning("worker.not_woken", queue=queue_name, error=str(error))
        return False
    return True


def is_awake(queue_name: str) -> None:
    """Let the next wake-up through."""
    with contextlib.suppress(redis.RedisError):  # the key ends by itself
        client().delete(channel_name(queue_name))


class Worker(SimpleWorker):
    """Gives the database connection back after every job, and remembers that it was told to stop."""

    max_connection_wait_time = 5.0
    is_told_to_stop = False

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Finish the job in hand, then stop; a second signal breaks it off."""
        self.is_told_to_stop = True
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]  # RQ's, half typed

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        """Run one job on a connection that works."""
        close_old_connections()
        try:
            return super().perform_job(job, queue, execution)
        finally:
            close_old_connections()


def run_worker(queue_names: tuple[str, ...], stop: StopRequest) -> None:
    """Work until told to stop; while Redis is away, try again every second."""
    is_away = False
    while not stop.is_made():
        # RQ takes the signals over while it works; between two attempts they are ours.
        stop.listen()
        try:
            is_done = _work(queue_names)
        except redis.RedisError as error:
            if not is_away:
                log.warning("worker.redis_away", error=str(error))
            is_away, is_done = True, False
        if is_done:
            stop.make()
        stop.wait(RETRY_SECONDS)


def _work(queue_names: tuple[str, ...]) -> bool:
    """Work until told to stop or until RQ gives up; say whether it was told to."""
    queues = get_queues(*queue_names)  # type: ignore[no-untyped-call]  # django-rq says nothing of its types
    worker = Worker(queues, connection=queues[0].connection, serializer=queues[0].serializer)
    try:
        worker.work(logging_level="WARNING")
    except redis.RedisError:
        # It may have been on its way out, and only failed to say good-bye.
        if not worker.is_told_to_stop:
            raise
    return worker.is_told_to_stop
