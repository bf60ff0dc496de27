"""Complex numbers, Fourier transforms, second derivatives and nests: functions of `tf` that give lists of numbers."""

from __future__ import annotations

import numpy as np

X = np.sin(np.arange(24) * 1.7).reshape(4, 6).astype(np.float32)
Y = np.cos(np.arange(24) * 0.9).reshape(4, 6).astype(np.float32)


def listed(array):
    """An array as nested lists, the complex as pairs, with its dtype."""
    array = np.asarray(array)
    parts = [array.real.tolist(), array.imag.tolist()] if np.iscomplexobj(array) else array.tolist()
    return [array.dtype.name, parts]


def _run(tf, build):
    with tf.Graph().as_default(), tf.Session() as session:
        tensors = build(tf)
        return [
            [*listed(session.run(t)), t.shape.as_list() if t.shape.ndims is not None else None, t.dtype.name, t.op.type]
            for t in tensors
        ]


def _complex(tf):
    z = tf.complex(tf.constant(X), tf.constant(Y))
    wide = tf.complex(tf.constant(X, tf.float64), tf.constant(2.0, tf.float64))
    return [
        z,
        wide,
        tf.real(z),
        tf.imag(z),
        tf.conj(z),
        tf.angle(z),
        tf.real(wide),
        tf.conj(tf.constant(X)),
        z * z,
        tf.abs(z),
    ]


def _fourier(tf):
    z = tf.complex(tf.constant(X), tf.constant(Y))
    cube = tf.reshape(z, [2, 2, 6])
    forward = [tf.fft(z), tf.fft2d(z), tf.fft3d(cube)]
    return [*forward, tf.ifft(z), tf.ifft2d(z), tf.ifft3d(cube)]


def _of_reals(tf):
    x = tf.constant(X)
    half, whole = tf.signal.rfft(x), tf.signal.rfft2d(x)
    return [
        half,
        whole,
        tf.signal.irfft(half),
        tf.signal.irfft2d(whole),
        tf.signal.rfft(x, [4]),
        tf.signal.irfft(half, [5]),
    ]


def _cross(tf):
    a, b = tf.constant(X.reshape(-1, 3)), tf.constant(Y.reshape(-1, 3))
    c = tf.cross(a, b)
    return [c, *tf.gradients(c * tf.constant(X.reshape(-1, 3)), [a, b])]


def _where(tf):
    x = tf.constant(X)
    chosen = tf.where_v2(tf.constant([[True], [False], [True], [False]]), x, tf.constant(0.5))
    return [chosen, tf.gradients(chosen * Y, x)[0], tf.where_v2(x > 0.5)]


def _hessians(tf):
    x, w = tf.constant(X[0]), tf.constant(Y[:2, :2])
    y = tf.reduce_sum(tf.sin(x) * x) + tf.reduce_sum(x) ** 2 + tf.reduce_sum(tf.matmul(w, w) ** 2)
    return tf.hessians(y, [x, w])


RUN = {"complex": _complex, "fourier": _fourier, "of_reals": _of_reals, "cross": _cross, "where": _where}
RUN["hessians"] = _hessians


def run(tf, name):
    """What a session computes of each tensor, with its static shape, dtype and kind of operation."""
    return _run(tf, RUN[name])


def nests(tf):
    """Structures, taken apart and put together."""
    nest = {"b": [1, (2, 3)], "a": 4}
    return [
        tf.nest.flatten(nest),
        tf.nest.map_structure(lambda x, y: x * y, nest, nest),
        tf.nest.pack_sequence_as(nest, [10, 20, 30, 40]),
        [tf.nest.is_nested(v) for v in (1, [1], {}, "ab")],
    ]
