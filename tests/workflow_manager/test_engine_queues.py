"""When the queues of the run engine are looked at."""

import threading

from workflow_manager.engine.queues import Bell


class Pauses:
    """Takes the place of waiting: writes down how long, and passes over it."""

    def __init__(self):
        self.seconds: list[float] = []
        self._lock = threading.RLock()

    def __enter__(self):
        return self._lock.__enter__()

    def __exit__(self, *reason):
        return self._lock.__exit__(*reason)

    def wait_for(self, ended, timeout):
        self.seconds.append(0.0 if ended() else timeout)
        return ended()

    def notify_all(self):
        pass


class Queue:
    """A queue, and how often somebody asked whether it is empty."""

    def __init__(self, *, waits=False):
        self.waits, self.asked = waits, 0
        self.then = lambda: None

    def ends_after(self, times, bell):
        self.then = lambda: bell.set() if self.asked == times else None

    def waits_after(self, times):
        def then():
            self.waits = self.asked >= times

        self.then = then

    def anything_waits(self):
        self.asked += 1
        self.then()
        if self.waits is None:
            raise ConnectionError("the database is away")
        return self.waits


def bell_of(queue, seldom_s=5.0):
    pauses = Pauses()
    return Bell(seldom_s, queue.anything_waits, pauses), pauses


def looks(bell, number):
    assert [bell.wait(0.25) for _ in range(number)] == [False] * number


def test_a_queue_that_was_found_empty_is_only_asked_about_and_ever_more_seldom():
    queue = Queue()
    bell, pauses = bell_of(queue)
    queue.ends_after(20, bell)
    assert bell.wait(0.25)  # all is one pause: nothing waits, so nobody looks
    assert pauses.seconds[:10] == [0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.0, 5.0]
    assert set(pauses.seconds[8:-1]) == {5.0}
    assert not bell.may_wait


def test_while_something_waits_it_is_looked_at_each_second():
    queue = Queue(waits=True)
    bell, pauses = bell_of(queue)
    looks(bell, 20)
    assert set(pauses.seconds[6:]) == {1.0}


def test_what_nobody_rang_for_is_found_when_it_is_asked_the_next_time():
    queue = Queue()
    bell, pauses = bell_of(queue)
    queue.waits_after(3)
    looks(bell, 1)
    assert (queue.asked, bell.may_wait) == (3, True)
    assert pauses.seconds == [0.02, 0.04, 0.08]


def test_a_ring_lets_it_be_looked_at_now_and_again_soon():
    bell, pauses = bell_of(Queue(waits=True))
    looks(bell, 20)
    bell.ring()
    looks(bell, 4)
    assert pauses.seconds[20:] == [0.0, 0.02, 0.04, 0.08]


def test_a_ring_while_it_is_asked_is_not_lost():
    queue = Queue()
    bell, pauses = bell_of(queue)
    queue.then = bell.ring
    looks(bell, 4)
    assert bell.may_wait
    assert pauses.seconds == [0.02, 0.0, 0.02, 0.0]


def test_a_queue_that_cannot_be_asked_is_looked_at_all_the_same():
    queue = Queue(waits=None)
    bell, pauses = bell_of(queue)
    looks(bell, 20)
    assert pauses.seconds[-1] == 1.0


def test_the_end_of_the_work_ends_a_pause():
    bell = Bell(600.0, Queue().anything_waits)
    ended = []

    def work():
        while not bell.wait(0.25):
            pass
        ended.append("yes")

    thread = threading.Thread(target=work)
    thread.start()
    bell.set()
    thread.join(30)
    assert ended == ["yes"]
