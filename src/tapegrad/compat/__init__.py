"""Other libraries' names for what tapegrad does, for scripts written against them."""
