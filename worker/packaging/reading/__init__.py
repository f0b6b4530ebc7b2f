"""Read, check and unpack archives that anybody may have made."""
