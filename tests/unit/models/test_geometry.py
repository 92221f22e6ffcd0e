import pytest
import torch

from spikestudio.errors import ConfigError
from spikestudio.models.geometry import Box, field_of, neuron_at
from spikestudio.neurons.nodes import LIFNode, spiking_layers
from spikestudio.types import LayerInfo
from tests.tiny import tiny_config, tiny_model

POKE = 10.0


class Linear(LIFNode):
    """A node that passes its current on, without a threshold that could hide a change."""

    current = added = None

    def forward(self, x_seq):
        self.current = x_seq
        return x_seq if self.added is None else x_seq + self.added


class _Repeat(torch.nn.Module):
    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def forward(self, x):
        return x.repeat(self.steps, 1, 1, 1, 1)


class Perturbed:
    """The tiny network itself, in float64 and without thresholds, to be poked."""

    def __init__(self, architecture, **config):
        self.network = tiny_model(architecture, **config).network.double()
        self.config = self.network.config
        self.taps = {}
        for name in spiking_layers(self.network):
            self.taps[name] = Linear()
            self.network.set_submodule(name, self.taps[name])

    def start(self, layer_id):
        """Function and input of the stage that a layer belongs to."""
        network, config = self.network, self.config
        generator = torch.Generator().manual_seed(0)
        one = torch.ones(1, dtype=torch.long)

        def random(*shape):
            return torch.randn(*shape, generator=generator, dtype=torch.float64)

        image = random(1, config.image_channels, config.image_size, config.image_size)
        if not hasattr(network, "sdid"):
            return lambda x: network(x, one), image
        grid = config.grid_size
        if layer_id.startswith("sdid."):
            network.sdid.config = config
            return self._denoise, random(1, config.token_embedding + 1, grid, grid)
        vqsvae = network.vqsvae
        if layer_id.startswith("vqsvae.encoder."):
            steps = network.num_snn_steps
            return (
                lambda x: vqsvae.vq_layer.readout(vqsvae.encoder.snn_convs(_Repeat(steps)(x))),
                image,
            )
        stages = (vqsvae.vq_layer.poisson, vqsvae.decoder.snn_convs, vqsvae.memout)  # but the tanh
        return torch.nn.Sequential(_Repeat(network.num_snn_steps), *stages), random(
            1, config.code_dim, grid, grid
        )

    def _denoise(self, currents):
        sdid = self.network.sdid
        sdid._currents = lambda tokens, t: tokens
        return sdid(currents, None)

    def layer(self, layer_id):
        run, x = self.start(layer_id)
        run(x)
        shape = tuple(self.taps[layer_id].current.shape[2:])
        return LayerInfo(layer_id, "IF", shape, 1.0, 0.0, None)

    def fields(self, layer_id, y, x):
        """Boxes found by changing one input pixel, or the layer's outputs at one place."""
        run, source = self.start(layer_id)
        tap = self.taps[layer_id]
        height, width = source.shape[-2:]
        pixels = torch.arange(height * width)
        sources = source.repeat(height * width + 1, 1, 1, 1)  # the last one is not changed
        sources[pixels, :, pixels // width, pixels % width] += POKE
        run(sources)
        at_neuron = tap.current[..., y, x]  # [T, B, C]
        seen = differs(at_neuron[:, :-1], at_neuron[:, -1:]).any(2).any(0)
        sources = source.repeat(2, 1, 1, 1)
        run(sources)
        tap.added = torch.zeros_like(tap.current)
        tap.added[:, 0, :, y, x] = POKE
        reached = run(sources)
        tap.added = None
        return box(seen.view(height, width)), box(differs(reached[0], reached[1]).any(0))


def differs(first, second):
    return (first - second).abs() > 1e-9  # beyond rounding: rows of a batch may round differently


def box(mask):
    rows, columns = mask.any(1).nonzero().flatten(), mask.any(0).nonzero().flatten()
    return Box(rows[0].item(), columns[0].item(), rows[-1].item() + 1, columns[-1].item() + 1)


def check(perturbed, layer_id, place):
    layer = perturbed.layer(layer_id)
    channels, height, width = layer.shape
    y, x = place[0] * (height - 1) // 2, place[1] * (width - 1) // 2
    neuron = ((channels - 1) * height + y) * width + x
    found = field_of(perturbed.config, layer, neuron)
    assert (found.input, found.output) == perturbed.fields(layer_id, y, x)
    assert found.is_exact


@pytest.fixture(scope="module")
def sddpm():
    return Perturbed("sddpm", image_size=16, num_snn_steps=1)


@pytest.fixture(scope="module")
def spiking_diffusion():
    return Perturbed("spiking-diffusion", image_size=24, num_snn_steps=1)


@torch.inference_mode()
@pytest.mark.parametrize("place", [(0, 0), (1, 2)])
@pytest.mark.parametrize(
    "layer_id",
    [
        "neuron",
        "downblocks.0.neuron1",
        "downblocks.0.neuron2",
        "downblocks.1.neuron",
        "middleblocks.0.neuron2",
        "upblocks.2.neuron",
        "upblocks.4.neuron2",
    ],
)
def test_fields_of_the_u_net_are_those_of_the_network_itself(sddpm, layer_id, place):
    check(sddpm, layer_id, place)


@torch.inference_mode()
@pytest.mark.parametrize("place", [(0, 0), (1, 2)])
def test_fields_of_every_spiking_diffusion_layer_are_those_of_the_network(spiking_diffusion, place):
    for layer_id in spiking_diffusion.taps:
        check(spiking_diffusion, layer_id, place)


def test_spaces_say_what_the_boxes_lie_on(spiking_diffusion):
    spaces = {
        "sdid.conv2.2": ("tokens", "tokens"),
        "vqsvae.encoder.snn_convs.2": ("image", "tokens"),
        "vqsvae.decoder.snn_convs.2": ("tokens", "image"),
    }
    for layer_id, expected in spaces.items():
        found = field_of(spiking_diffusion.config, spiking_diffusion.layer(layer_id), 0)
        assert (found.input_space, found.output_space) == expected


def test_the_first_layer_sees_three_by_three(sddpm):
    layer = sddpm.layer("neuron")
    assert field_of(sddpm.config, layer, 5 * 16 + 7).input == Box(4, 6, 7, 9)
    assert field_of(sddpm.config, layer, 0).input == Box(0, 0, 2, 2)


def test_temporal_scales_do_not_change_the_geometry(sddpm):
    layer = sddpm.layer("downblocks.0.neuron2")
    scaled = tiny_config("sddpm", image_size=16, tsm=True)
    assert field_of(scaled, layer, 40) == field_of(sddpm.config, layer, 40)


def test_a_token_has_the_place_of_its_patch():
    config = tiny_config("sdit")  # 4 x 4 patches of 2 x 2
    layer = LayerInfo("in_blocks.0.lif1", "LIF", (34, 20), 1.0, 0.0, 2.0)

    def found(token):
        return field_of(config, layer, token * 20 + 3)

    assert found(1).input == found(1).output == Box(0, 0, 2, 2)
    assert found(6).input == Box(2, 2, 4, 4)
    assert found(16).input == Box(6, 6, 8, 8)
    assert not found(6).is_exact
    assert "patch" in found(6).note
    assert found(0).input is None
    assert "time and class" in found(0).note
    assert found(17).input is None
    assert "reconstruction" in found(33).note


def contains(box, y, x):
    return box.y0 <= y < box.y1 and box.x0 <= x < box.x1


@pytest.mark.parametrize(
    ("architecture", "config"),
    [
        ("sddpm", {"image_size": 16}),
        ("sddpm", {"image_size": 28, "channel_mult": (1, 2, 4)}),
        ("sddpm", {"image_size": 24, "channel_mult": (1, 1, 1, 1)}),  # 24, 12, 6 and 3 wide
        ("spiking-diffusion", {"image_size": 24}),
    ],
)
def test_the_neuron_at_a_pixel_sees_it_and_acts_on_it(architecture, config):
    network = tiny_model(architecture, **config, num_snn_steps=1).network
    made = network.config
    side = made.image_size
    for layer in layers_of(architecture, network):
        for y, x in ((0, 0), (side - 1, side - 1), (3, side // 2), (side // 2 + 1, 7)):
            found = neuron_at(made, layer, y, x, layer.shape[0] - 1)
            assert found // (layer.shape[1] * layer.shape[2]) == layer.shape[0] - 1
            field = field_of(made, layer, found)
            for box, space in (
                (field.input, field.input_space),
                (field.output, field.output_space),
            ):
                scale = 1 if space == "image" else side // made.grid_size
                assert contains(box, y // scale, x // scale), (layer.id, y, x)


def layers_of(architecture, network):
    """Every spiking layer with the shape of its maps, from an evaluation of the network."""
    shapes = {}
    for name, node in spiking_layers(network).items():

        def keep(_node, args, _out, name=name):
            shapes[name] = tuple(args[0].shape[2:])

        node.register_forward_hook(keep)
    config, one = network.config, torch.ones(1, dtype=torch.long)
    image = torch.zeros(1, config.image_channels, config.image_size, config.image_size)
    with torch.inference_mode():
        if architecture == "spiking-diffusion":
            network.vqsvae(image)
            network(torch.zeros(1, config.grid_size, config.grid_size, dtype=torch.long), one)
        else:
            network(image, one)
    return [LayerInfo(name, "IF", shape, 1.0, 0.0, None) for name, shape in shapes.items()]


def test_the_neuron_at_a_pixel_of_a_transformer_is_in_the_patchs_token():
    config = tiny_config("sdit")  # 4 x 4 patches of 2 x 2
    layer = LayerInfo("in_blocks.0.lif1", "LIF", (34, 20), 1.0, 0.0, 2.0)
    for y in range(8):
        for x in range(8):
            found = neuron_at(config, layer, y, x, 7)
            assert found % 20 == 7
            assert contains(field_of(config, layer, found).input, y, x)


def test_pixels_and_channels_that_do_not_exist_are_refused():
    config = tiny_config("sddpm", image_size=16)
    layer = LayerInfo("neuron", "IF", (6, 16, 16), 1.0, 0.0, None)
    with pytest.raises(ConfigError, match="16 × 16: it has no pixel 16, 0"):
        neuron_at(config, layer, 16, 0)
    with pytest.raises(ConfigError, match="has no channel 6: choose one from 0 to 5"):
        neuron_at(config, layer, 0, 0, 6)


def test_neurons_and_layers_that_do_not_exist_are_refused(sddpm):
    layer = sddpm.layer("neuron")
    with pytest.raises(ConfigError, match="has no neuron 999999"):
        field_of(sddpm.config, layer, 999_999)
    with pytest.raises(ConfigError, match="no spiking layer 'conv'"):
        field_of(sddpm.config, LayerInfo("conv", "IF", (4, 16, 16), 1.0, 0.0, None), 0)
    with pytest.raises(ConfigError, match="are 16 × 16 in this network, not 5 × 16"):
        field_of(sddpm.config, LayerInfo("neuron", "IF", (4, 5, 16), 1.0, 0.0, None), 0)


def test_random_state_stays_untouched():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    config = tiny_config("sddpm", image_size=16, base_channels=10)
    field_of(config, LayerInfo("neuron", "IF", (10, 16, 16), 1.0, 0.0, None), 3)
    assert torch.equal(torch.rand(3), expected)
