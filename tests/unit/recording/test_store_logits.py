import numpy as np

from spikestudio.recording.store import LOGITS_SHARE, Store


def logits(step, batch=4):
    return np.full((batch, 5, 2, 2), step, np.float32) + np.arange(batch)[:, None, None, None]


def test_all_images_while_there_is_room_then_the_recorded_one_and_the_newest_steps():
    one = logits(0)[0].nbytes
    store, budget = Store(), 9 * one * LOGITS_SHARE  # two batches and one image
    for step in range(2):
        store.add_logits(step, logits(step), 2, budget)
    assert [len(kept) for _, kept in store.logits.values()] == [4, 4]
    store.add_logits(2, logits(2), 2, budget)
    first, kept = store.logits[2]
    assert (first, len(kept), kept[0, 0, 0, 0]) == (2, 1, 4.0)
    assert store.nbytes == 9 * one
    for step in range(3, 20):
        store.add_logits(step, logits(step), 2, budget)
        assert store.nbytes == sum(k.nbytes for _, k in store.logits.values()) <= 9 * one
        assert step in store.logits
    assert 0 not in store.logits


def test_no_room_keeps_nothing():
    store = Store()
    store.add_logits(0, logits(0), 0, 0)
    assert not store.logits
    assert store.nbytes == 0
