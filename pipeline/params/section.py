"""What all sections of `params.yaml` share."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of `params.yaml`: immutable, no unknown keys, and no value of another type.

    A whole number may stand for a decimal one; text is no number and no flag, and a flag is no number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
