"""Workers: processes that do the work of queues, what they do now, and queues that are paused."""
