"""Attention maps as small images that light and dark pages can both show.

A pixel is a colour whose opacity says how much: 0 is the page itself. A page's script reads the
numbers back from the same pixels, so they are in the page once.
"""

import base64
import io

import numpy as np
from jaxtyping import Float, UInt8

INK = (0x2A, 0x78, 0xB0)
"""A blue that stands out on light and on dark paper."""


def heat_uri(weights: Float[np.ndarray, "row column"]) -> str:
    """Numbers in [0, 1] as the `data:` address of a PNG, one pixel each.

    Opacity is the square root of the number, so that little is seen too and is kept more exactly.
    """
    from matplotlib import image

    file = io.BytesIO()
    image.imsave(file, _pixels(weights), format="png")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _pixels(weights: Float[np.ndarray, "row column"]) -> UInt8[np.ndarray, "row column 4"]:
    opacity = np.rint(255 * np.sqrt(np.clip(np.nan_to_num(weights), 0, 1))).astype(np.uint8)
    pixels = np.empty((*weights.shape, 4), dtype=np.uint8)
    pixels[..., :3] = INK
    pixels[..., 3] = opacity
    return pixels
