"""One picture, one filter, every stride and padding: numbers that can be checked by hand."""
import numpy as np
import tensorflow as tf

picture = np.array([[4, 3, 1, 0, 9], [2, 1, 0, 1, 2], [1, 2, 4, 1, 6], [3, 1, 0, 2, 5], [-3, 0, 8, 7, 0]], np.float32)
kernel = np.array([[1, 0, 1], [2, 1, 0], [0, 0, 1]], np.float32)
expected = {
    ("SAME", 1): [[5, 11, 8, 4, 9], [7, 14, 6, 17, 4], [3, 6, 12, 16, 9], [5, 20, 12, 12, 10], [-2, -3, 11, 28, 16]],
    ("SAME", 2): [[5, 8, 9], [3, 12, 9], [-2, 11, 16]],
    ("SAME", 3): [[14, 4], [-3, 16]],
    ("SAME", 4): [[5, 9], [-2, 16]],
    ("SAME", 5): [[14]],
    ("VALID", 1): [[14, 6, 17], [6, 12, 16], [20, 12, 12]],
    ("VALID", 2): [[14, 17], [20, 12]],
    ("VALID", 3): [[14]],
    ("VALID", 4): [[14]],
    ("VALID", 5): [[14]],
}
x = tf.constant(picture.reshape([1, 5, 5, 1]))
w = tf.constant(kernel.reshape([3, 3, 1, 1]))
tables = {
    (padding, stride): tf.nn.conv2d(x, w, [1, stride, stride, 1], padding) for padding, stride in expected
}
wrong = 0
with tf.Session() as sess:
    for key, out in sess.run(tables).items():
        table = out[0, :, :, 0]
        wrong += int(not np.array_equal(table, expected[key]))
        print(key, table.tolist())
print("Wrong tables: %d" % wrong)
