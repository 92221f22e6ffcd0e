import numpy as np
import pytest

from spikestudio.metrics.codebook import (
    code_counts,
    code_probabilities,
    entropy_bits,
    likeliest,
    nearest_first,
    perplexity,
    principal_places,
)


def test_counts_leave_the_mask_out():
    tokens = np.array([[[0, 2], [3, 3]], [[2, 2], [1, 3]]], np.int32)
    assert code_counts(tokens, 3).tolist() == [1, 1, 3]
    assert code_counts(np.full((2, 4, 4), 5, np.int32), 5).tolist() == [0] * 5


@pytest.mark.parametrize(
    ("counts", "expected"), [([5, 5, 5, 5], 4), ([9, 0, 0], 1), ([2, 2, 0, 0], 2), ([1, 3], 1.7548)]
)
def test_perplexity_is_the_number_of_equal_codes(counts, expected):
    assert perplexity(np.array(counts)) == pytest.approx(expected, abs=1e-4)


def test_perplexity_of_nothing_is_not_a_number():
    assert np.isnan(perplexity(np.zeros(4, np.int64)))


def test_probabilities_are_those_of_the_sampler():
    torch = pytest.importorskip("torch")
    logits = np.random.default_rng(0).normal(0, 30, (10, 3, 4)).astype(np.float32)
    for temperature in (0.01, 0.62, 1.0, 3.0):
        expected = torch.softmax(torch.from_numpy(logits) / temperature, 0).numpy()
        assert np.allclose(code_probabilities(logits, temperature), expected, atol=1e-6)


def test_entropy_spans_zero_to_log2_of_the_codes():
    even = np.full((8, 2, 2), 1 / 8, np.float32)
    sure = np.zeros((8, 2, 2), np.float32)
    sure[3] = 1
    assert np.allclose(entropy_bits(even), 3)
    assert (entropy_bits(sure) == 0).all()
    half = np.array([0.5, 0.5, 0, 0], np.float32)
    assert entropy_bits(half) == pytest.approx(1)


def test_likeliest_come_first_and_equal_ones_by_id():
    assert likeliest(np.array([0.1, 0.3, 0.1, 0.5]), 3).tolist() == [3, 1, 0]


def test_places_keep_the_distances_of_vectors_that_lie_in_a_plane():
    rng = np.random.default_rng(1)
    flat = rng.normal(size=(12, 2)) * [5, 1]
    turn, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    vectors = (np.pad(flat, ((0, 0), (0, 4))) @ turn + 3).astype(np.float32)
    places, explained = principal_places(vectors)
    for i in range(12):
        expected = np.linalg.norm(flat - flat[i], axis=1)
        assert np.allclose(np.linalg.norm(places - places[i], axis=1), expected, atol=1e-4)
    assert sum(explained) == pytest.approx(1)
    assert explained[0] > explained[1]
    again, _ = principal_places(vectors.copy())
    assert np.array_equal(places, again)


def test_places_of_codes_with_one_dimension_and_of_equal_ones():
    places, explained = principal_places(np.array([[1.0], [2.0], [4.0]], np.float32))
    assert np.ptp(places[:, 0]) == pytest.approx(3)
    assert (places[:, 1] == 0).all()
    assert explained == (1.0, 0.0)
    places, explained = principal_places(np.ones((4, 3), np.float32))
    assert np.isfinite(places).all()
    assert explained == (0.0, 0.0)


def test_nearest_codes_begin_with_the_code_itself():
    vectors = np.array([[0, 0], [5, 0], [1, 0], [0, 0]], np.float32)
    assert nearest_first(vectors, 3).tolist() == [3, 0, 2, 1]
