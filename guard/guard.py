"""Decides on prompts, on the newest generation of the store."""

from __future__ import annotations

import functools
import logging
import os
import socket
import threading
import uuid
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from .. import __version__
from ..classifiers.background.background import Sides
from ..classifiers.background.line_cache import LineCache
from ..classifiers.detector import Detector, Turns
from ..classifiers.encoders.encoder import BatchingEncoder, Encoder
from ..classifiers.encoders.segment_cache import SegmentCache
from ..classifiers.encoders.static_encoder import StaticEncoder
from ..classifiers.encoders.vector_cache import VectorCache
from ..classifiers.forget_index import Compaction, ForgetIndex
from ..classifiers.index.lines import Draw
from ..classifiers.names.names import NameMatcher
from ..classifiers.text.word_frequency import preload
from ..classifiers.work import current
from ..corruption.corruptor import CANARY_ID
from ..vocabulary import ForgetTarget, Match, UserError, Verdict
from . import metrics
from .beams import Beams
from .canary import answer_canary, canary_names
from .configuration import Settings
from .encoders import Encoders, line_file, vector_file
from .faults import place
from .store.fleet import About, tell_differences
from .store.follower import follow
from .store.head import Head
from .store.lease import Clock, Lease, read_clocks
from .store.store import Store, StoreError
from .store.watch import Watch

logger = logging.getLogger(__name__)


# Vectors and lines are written to their files once such a share of them is new.
_NEW = 0.125
RETRY_SECONDS = 2.0
"""How long a store that does not answer is left alone, at most."""


class GuardError(UserError, RuntimeError):
    """The guard cannot decide; the request must not pass."""


class Guard:
    """Serves verdicts while a thread of its own follows the store.

    Swapping the index is one assignment: requests under way finish on the generation that they
    began with, and none waits for a build.
    """

    def __init__(
        self,
        settings: Settings,
        encoder: Encoder | None = None,
        clock: Clock = read_clocks,
        about: About = About(),  # noqa: B008 (it is frozen)
    ) -> None:
        """Open the store, build its newest generation, follow it. ``about`` is what the caller knows of this
        replica: the model, its recipe (or ``describe`` tells that), vLLM's version.

        Raises ``StoreError``, ``EncoderError`` or what onnxruntime raises: without an
        index there is no guard, and the caller must not serve.
        """
        self.settings = settings
        # A process may hold several engines, each with a guard of its own.
        host = socket.gethostname()
        self.replica_id = f"{host}:{os.getpid()}:{uuid.uuid4().hex[:6]}"
        self._about = replace(about, host=host, process=os.getpid(), version=__version__)
        self._process = os.getpid()
        self._lease = Lease(settings.max_stale_seconds, clock)
        self._sent: Head | None = None
        self._beams = Beams()
        self._store = Store(settings.store)
        self._follower = follow(self._store.database)
        self._watch = Watch(self._store, clock)
        preload()
        self._sieve: StaticEncoder | None = None
        self._backgrounds: Draw | None = None
        if encoder is None:
            encoders = Encoders.from_settings(settings)
            encoder, self._sieve = encoders.full, encoders.sieve
            encoders.prepare()
            self._backgrounds = encoders.backgrounds
        batching = BatchingEncoder(encoder)
        self._encoder: Encoder = SegmentCache(batching)
        self._about = replace(self._about, encoder=encoder.fingerprint)
        self._served = self._store.head()
        store_id = self._served.store_id
        self._canaries = NameMatcher((CANARY_ID, name) for name in canary_names(store_id))
        self._vectors = VectorCache(batching, vector_file(self._store, store_id, settings, batching))
        self._lines = LineCache(line_file(self._store, store_id, settings, batching))
        self._publish(*self._build())
        self._building: Future[tuple[Head, ForgetIndex]] | None = None
        self._compacting: Future[Compaction | None] | None = None
        self._compacted: ForgetIndex | None = None
        self._failed = False
        self._beat()
        if about.recipe:
            self._warn_of_differences()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="unlearn-follow", daemon=True)
        self._thread.start()

    def describe(self, recipe: str) -> None:
        """Tell the fleet what prompts are corrupted with, if that was not known when the guard was made."""
        self._about = replace(self._about, recipe=recipe)
        self._beat()
        self._warn_of_differences()

    def _warn_of_differences(self) -> None:
        known = [
            replica for replica in self._store.fleet.replicas() if replica.recipe
        ]  # others may begin yet
        for difference in tell_differences(known):
            logger.warning("unlearn: %s", difference)

    @property
    def generation(self) -> int:
        """The generation that is served."""
        return self._detector.index.generation

    @property
    def detector(self) -> Detector:
        """What finds the targets of the generation that is served."""
        return self._detector

    @property
    def is_current(self) -> bool:
        """Whether what is served is what the store lists now."""
        return self._served == self._store.head()

    @property
    def sizes(self) -> dict[str, int]:
        """The size of the forget index that is served."""
        return self._detector.index.sizes

    @property
    def names(self) -> list[str]:
        """What is listed, for who has to look for it letter by letter (``NameIndex.lowercase_names``)."""
        return self._detector.index.names.lowercase_names

    @property
    def key(self) -> str:
        """This deployment's own; nobody outside can guess what is drawn with it."""
        return self._served.store_id

    @property
    def store(self) -> Store:
        """The store that is followed."""
        return self._store

    @property
    def encoder(self) -> Encoder:
        """The encoder of all prompts; it batches the texts of many threads."""
        return self._encoder

    @property
    def backgrounds(self) -> Draw | None:
        """Makes what the lines of targets are drawn against; None where the caller brought the encoder."""
        return self._backgrounds

    def sides(self, targets: Sequence[ForgetTarget]) -> dict[str, Sides]:
        """The vectors of those targets that are served as they are given, by their ids."""
        index = self._detector.index
        served = [target for target in targets if index.targets.get(target.id) == target]
        return {target.id: index.exemplars.sides(target.id) for target in served}

    def screen(self, text: str, turns: Turns | None = None) -> Verdict:
        """Decide on a prompt. Blocks for the encoder: call it from a thread, not an event loop.

        Raises ``GuardError`` where the store has not answered for longer than allowed or this is not the
        process that the guard was built in, what ``Work.read`` raises, and whatever the encoder raises.
        """
        self._check()
        current().read(len(text))
        detector = self._detector
        find = functools.partial(self._find, detector)
        grows = current().grows
        matches = self._beams.find(detector.index, text, turns, find) if grows else find(text, turns)
        self._check()  # the machine may have slept meanwhile
        return Verdict("corrupt" if matches else "pass", detector.index.generation, tuple(matches))

    def _find(self, detector: Detector, text: str, turns: Turns | None) -> list[Match]:
        matches = detector.detect(text, turns)
        for hit in self._canaries.find(text):
            matches.append(Match(CANARY_ID, hit.start, hit.end, 1.0, hit.name))
        return matches

    def _check(self) -> None:
        if os.getpid() != self._process:
            raise GuardError("this process was forked from the one that the guard follows the store in")
        if not self._lease.runs:
            raise GuardError(
                f"the store has not answered for {self.settings.max_stale_seconds:g} s "
                "(max_stale_seconds), or has a newer list that is not built yet; the log says why"
            )

    def close(self) -> None:
        """Stop following the store, and sign off from its list of replicas."""
        if os.getpid() != self._process:  # a fork's exit: the replica is its parent
            return
        self._stopping.set()
        self._thread.join(timeout=10)
        self._follower.close()
        self._vectors.keep()
        self._lines.keep()
        try:
            self._store.fleet.retire(self.replica_id)
        except StoreError as error:
            logger.warning("this replica could not sign off: %s", error)

    def _change(self) -> tuple[Head, ForgetIndex]:
        """The index of the newest generation, made of the one that is served where it is known what has
        changed since; and which generation that was."""
        delta = self._store.since(self._served)
        if delta is None:
            logger.warning(
                "unlearn: store %s was restored and changed, and its history lacks generation %d as it was "
                "served: what only that generation listed is no longer suppressed",
                self._store.safe_url,
                self._served.generation,
            )
            return self._build()
        self._refuse_another(delta.head)
        index = self._detector.index.change(delta.head.generation, delta.added, delta.removed)
        self._vectors.keep(_NEW)
        self._lines.keep(_NEW)
        return delta.head, index

    def _build(self) -> tuple[Head, ForgetIndex]:
        """As ``_change``, of all targets."""
        head, targets = self._store.snapshot()
        self._refuse_another(head)
        index = ForgetIndex(
            head.generation,
            targets,
            self._vectors,
            sieve=self._sieve,
            backgrounds=self._backgrounds,
            lines=self._lines,
            canary=answer_canary(head.store_id),
        )
        self._vectors.settle()
        self._lines.settle()
        return head, index

    def _publish(self, head: Head, index: ForgetIndex) -> None:
        self._served = head
        self._about = replace(self._about, since=datetime.now(UTC))
        self._search(index)
        expiries = [target.expires_at for target in index.targets.values() if target.expires_at]
        self._expires = min(expiries, default=None)
        metrics.GENERATION.set(index.generation)
        for what, size in index.sizes.items():
            metrics.INDEX_SIZE.labels(what).set(size)
        logger.info("unlearn: serving generation %d, %s", index.generation, index.sizes)

    def _search(self, index: ForgetIndex) -> None:
        self._detector = Detector(index, self._encoder, self.settings.detection.threshold)

    def _compact(self, compactor: ThreadPoolExecutor) -> None:
        """Make few parts of many, beside all else; taken is what was made while nothing else is built."""
        index = self._detector.index
        if self._compacting is None:
            if index is not self._compacted:
                self._compacting, self._compacted = compactor.submit(index.compact), index
        elif self._compacting.done() and self._building is None:
            finished, self._compacting = self._compacting, None
            if error := finished.exception():  # what is served is whole, in more parts
                metrics.ERRORS.labels("index").inc()
                logger.error("unlearn: the parts of the index stay many: %s", place(error))
            elif compaction := finished.result():
                self._search(index.take(compaction))

    def _follow(self) -> None:
        """Ask the store, again and again; build beside it, so that a long build is not silence."""
        said, pause = "", self.settings.poll_seconds
        with (
            ThreadPoolExecutor(1, thread_name_prefix="unlearn-build") as builder,
            ThreadPoolExecutor(1, thread_name_prefix="unlearn-compact") as compactor,
        ):
            while not self._stopping.wait(pause):
                try:
                    self._step(builder, compactor)
                    said, pause = "", self.settings.poll_seconds
                except StoreError as error:
                    pause = max(pause, min(2 * pause, RETRY_SECONDS))  # a fleet would keep it from coming up
                    metrics.ERRORS.labels("store").inc()
                    if str(error) != said:  # it is tried again and again
                        logger.error("unlearn: %s", error)
                        said = str(error)
                except Exception as error:
                    metrics.ERRORS.labels("index").inc()
                    if place(error) != said:
                        said = place(error)
                        logger.error("unlearn: the newest generation cannot be built: %s", said)

    def _step(self, builder: ThreadPoolExecutor, compactor: ThreadPoolExecutor) -> None:
        self._expire()
        if self._building and self._building.done():
            finished, self._building = self._building, None
            self._failed = True  # until result() has not raised
            self._publish(*finished.result())
            self._failed = False
            self._follower.doubt()  # what was built may be newer than what was heard of
        newest = self._follower.head()
        self._refuse_another(newest)
        if self._building is None and newest != self._served:
            self._building = builder.submit(self._change)
        self._compact(compactor)
        # A replica that cannot build what it should serve lets its lease run out, and fails closed.
        # A new list is told at once.
        if not self._failed and (self._sent != self._served or self._lease.is_due):
            self._beat()
            self._watch.sweep()

    def _expire(self) -> None:
        """Take off the list what has expired, where the list without it is not being built already."""
        if self._expires and self._building is None and self._expires <= (now := datetime.now(UTC)):
            self._store.expire(now)

    def _refuse_another(self, head: Head) -> None:
        """Raise ``StoreError`` for another store, or an older state, than is served."""
        served = self._served
        if head.store_id != served.store_id or head.generation < served.generation:
            raise StoreError(
                f"store {self._store.safe_url} was replaced while it was served (generation "
                f"{served.generation} before, {head.generation} now); restore it, or restart the server to "
                "accept it"
            )

    def _beat(self) -> None:
        """Renew the lease: here only after the store has it, so that `wait` never believes too little.

        `wait` gives a replica up whose lease has run out, and may have said since that a newer list is
        served. So such a lease is renewed for the newest list alone. The row comes first: who changes the
        list after this look at it, and then waits, sees the row.
        """
        begun, served = self._lease.clock(), self._served
        lease = timedelta(seconds=self.settings.max_stale_seconds)
        self._store.fleet.beat(
            self.replica_id,
            served.generation,
            self.settings.mode,
            lease,
            digest=served.digest,
            about=self._about,
        )
        self._sent = served
        if self._lease.runs or self.is_current:
            self._lease.renew(begun)
