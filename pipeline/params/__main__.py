"""`python -m pipeline.params`: check params.yaml before DVC reads it, with plainer messages."""

import sys

from pipeline.params.load import ParamsError, load_params

if __name__ == "__main__":
    try:
        load_params()
    except ParamsError as error:
        sys.exit(f"camseg: {error}")
