"""Small random distortions of handwriting: rotation, scale, shear, shift and elastic waves, as a hand would vary."""

import numpy as np


def distort(images: np.ndarray, *, strength: float, generator: np.random.Generator) -> np.ndarray:
    """Return uint8 glyphs (N, H, W), each bent in its own way; ``strength`` 1 is what suits MNIST, 0 changes nothing.

    Affine part: rotation and shear with a standard deviation of 7 degrees, scale of 8%, shift of 1 pixel. Elastic part
    (Simard et al. 2003): a random displacement field, smoothed with a Gaussian of 4 pixels, of about 1 pixel.
    """
    if strength == 0 or len(images) == 0:
        return images
    import cv2

    count, height, width = images.shape
    angle, shear = generator.normal(0, np.deg2rad(7) * strength, (2, count))
    stretch = np.exp(generator.normal(0, 0.08 * strength, (2, count)))
    shift = generator.normal(0, 1.0 * strength, (2, count))
    waves = generator.uniform(-1, 1, (count, height, width, 2)).astype(np.float32)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    y, x = rows - (height - 1) / 2, columns - (width - 1) / 2
    bent = np.empty_like(images)
    for i in range(count):
        field = cv2.GaussianBlur(waves[i], (0, 0), 4.0)
        field *= strength / max(float(field.std()), 1e-6)
        cosine, sine = np.cos(angle[i]), np.sin(angle[i])
        source_x = (cosine * x + (sine + shear[i]) * y) * stretch[0, i] + (width - 1) / 2 + shift[0, i] + field[..., 0]
        source_y = (-sine * x + cosine * y) * stretch[1, i] + (height - 1) / 2 + shift[1, i] + field[..., 1]
        bent[i] = cv2.remap(images[i], source_x.astype(np.float32), source_y.astype(np.float32), cv2.INTER_LINEAR)
    return bent
