"""The ops, one file a family: each a NumPy function with one gradient rule an argument, side by side."""

from . import activation, convolution, elementwise, embeddings, indexing, loss, pooling, product, reduction, shape
from .activation import *
from .convolution import *
from .elementwise import *
from .embeddings import *
from .indexing import *
from .loss import *
from .pooling import *
from .product import *
from .reduction import *
from .shape import *

__all__: list[str] = []
__all__ += elementwise.__all__
__all__ += reduction.__all__
__all__ += product.__all__
__all__ += shape.__all__
__all__ += indexing.__all__
__all__ += embeddings.__all__
__all__ += activation.__all__
__all__ += convolution.__all__
__all__ += pooling.__all__
__all__ += loss.__all__
