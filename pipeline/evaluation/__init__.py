"""Pure metrics, from arrays: confusion, IoU, boundary IoU, localisation, average precision, diagnosis."""
