import numpy as np
import torch

from spikestudio.metrics.codebook_reading import read_codebook
from tests.tiny import evaluate, same_bits, tiny_model


def test_patches_are_what_a_map_of_one_code_decodes_to():
    model = tiny_model("spiking-diffusion", image_size=28, codebook_size=70)
    info = read_codebook(model)
    codes = torch.arange(70).view(-1, 1, 1).expand(-1, 7, 7)
    whole = (model.decode(codes) * 255 + 0.5).floor().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    assert info.patches.shape == (70, 4, 4, 1)
    for row, column in ((1, 1), (3, 3), (5, 2)):  # anywhere but at the edge
        cell = whole[:, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
        assert np.array_equal(info.patches, cell)
    assert len(np.unique(info.patches.reshape(70, -1), axis=0)) > 1


def test_vectors_are_the_embeddings_and_nothing_can_be_written_to():
    model = tiny_model("spiking-diffusion")
    info = read_codebook(model)
    weights = model.network.vqsvae.vq_layer.embeddings.weight.numpy()
    assert np.array_equal(info.vectors, weights)
    assert not np.shares_memory(info.vectors, weights)
    assert info.size == len(weights) == len(info.places)
    assert info.tensors_sha256 == model.card.tensors_sha256
    assert info.training_counts is None
    for array in (info.vectors, info.patches, info.places):
        assert not array.flags.writeable


def test_the_model_is_left_as_it_was():
    model = tiny_model("spiking-diffusion")
    before = evaluate(model)
    read_codebook(model)
    assert same_bits(before, evaluate(model))


def test_models_without_tokens_have_no_codebook():
    assert read_codebook(tiny_model("sddpm")) is None


def test_images_with_colour_give_patches_with_colour():
    info = read_codebook(tiny_model("spiking-diffusion", image_channels=3))
    assert info.patches.shape == (10, 4, 4, 3)
