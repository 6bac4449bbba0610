"""`python -m pipeline.params`: what is wrong with params.yaml, before DVC stumbles over it."""

import sys

from pipeline.params.load import ParamsError, load_params

if __name__ == "__main__":
    try:
        load_params()
    except ParamsError as error:
        sys.exit(f"camseg: {error}")
