"""From a folder to a checked manifest: parse, map classes, decode, split; writes the ground-truth masks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.base.parallel import in_blocks, parallel_map
from pipeline.base.problems import Problem
from pipeline.data.background import background_problems, without_background
from pipeline.data.classes import ClassMapping, leave_out_unseen, unknown_labels
from pipeline.data.decode_check import DecodedFiles, WorkingCopies, decode_all
from pipeline.data.folder_contents import check_contents
from pipeline.data.groups import group_problems, groups_of, with_groups
from pipeline.data.image_copies import write_copies
from pipeline.data.image_facts import image_warnings, reading_params, set_reading, value_lines
from pipeline.data.images import Mask, mask_png, resize_mask
from pipeline.data.manifest import Manifest, Sample, Split
from pipeline.data.mask_problems import mask_problems
from pipeline.data.mask_store import MaskWriter, mask_writer
from pipeline.data.mask_survey import DecodedRecord, MaskSurvey, read_all_masks
from pipeline.data.pixels.reading import ImageReading
from pipeline.data.problem_lists import as_messages
from pipeline.data.source_masks import Reader, source_mask
from pipeline.data.sources.parse import parse_source
from pipeline.data.sources.records import ParsedSource, SourceRecord
from pipeline.data.sources.spelling import as_on_disk, with_likely_names
from pipeline.data.split_assignment import assign_splits, unseen_classes
from pipeline.params import DataParams, Source

MaskEntry = tuple[Sample, SourceRecord]


@dataclass(frozen=True)
class GroundTruthSource:
    """Where the masks of a manifest come from."""

    reader: Reader
    records: Mapping[str, SourceRecord]  # by the name of the sample
    table: NDArray[np.uint8]  # (256,): id of the source -> id

    def of(self, entries: Sequence[MaskEntry]) -> "GroundTruthSource":
        """What a worker needs for some masks, whose records it has."""
        return replace(self, reader=self.reader.of(sample.name for sample, _ in entries), records={})


@dataclass(frozen=True)
class Inspection:
    """The samples of a folder, or its errors, and its warnings."""

    manifest: Manifest | None  # None: there are errors
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    masks: GroundTruthSource | None = field(default=None, compare=False, repr=False)
    groups: Mapping[str, str] = field(default_factory=dict, repr=False)  # that no drawn split parts, by name
    survey: MaskSurvey = field(default_factory=MaskSurvey)
    hashes: Mapping[str, int] = field(default_factory=dict, repr=False)  # see `difference_hash`, by name
    thumbnails: Mapping[str, bytes] = field(default_factory=dict, repr=False)  # see `thumbnail`, by name
    values: tuple[str, ...] = ()  # what the images hold: bit depths, ranges


@dataclass(frozen=True)
class DecodedFolder:
    """What lies in a folder, once all its files are read."""

    mapping: ClassMapping
    reader: Reader
    decoded: Sequence[DecodedRecord]  # that count
    splits: Mapping[str, Split]  # by name
    survey: MaskSurvey
    reading: ImageReading

    def manifest(self, path: Path, data: DataParams) -> Manifest:
        """The samples, sorted by name."""
        classes = self.mapping.classes
        samples = [
            _sample(record, files, classes, self.splits[record.name]) for record, files in self.decoded
        ]
        samples.sort(key=lambda sample: sample.name)
        return Manifest(path.as_posix(), classes, tuple(samples), data.background, self.reading)


def inspect_folder(
    source: Source, path: Path, data: DataParams, seed: int, copies: Path | None = None
) -> Inspection:
    """Read labels, images and masks of the folder `path`; every problem is listed, none stops the search.

    Images above `data.max_side` are looked at in this size, and written so to the folder `copies`, if given.

    Where no record is in `val`, a share of the records without a split moves there (of all in `train`, if
    every record has a split). Records without a split are in `train`.
    """
    parsed = parse_source(source, path, data)
    if not parsed.records and any(problem.fatal for problem in parsed.problems):
        found = _inspection([*parsed.problems, *check_contents(path, parsed.records)])
        return replace(found, survey=MaskSurvey(unnamed=parsed.unnamed))
    folder, problems = _decode_folder(parsed, path, data, seed, copies)
    found = replace(_inspection(problems), survey=folder.survey)
    if any(problem.fatal for problem in problems):
        return found
    manifest, decoded = folder.manifest(path, data), folder.decoded
    if copies is not None:
        stored = {record.name for record, files in decoded if files.facts.stored}
        write_copies(manifest, [s for s in manifest.samples if s.name in stored], data, copies)
    table = folder.mapping.table() if data.background else without_background(folder.mapping.table())
    return replace(
        found,
        manifest=manifest,
        masks=GroundTruthSource(folder.reader, {record.name: record for record, _ in decoded}, table),
        groups=groups_of([record for record, _ in decoded]),
        hashes={record.name: files.hash for record, files in decoded},
        thumbnails={record.name: files.thumbnail for record, files in decoded},
        values=tuple(value_lines([files.facts for _, files in decoded], folder.reading)),
    )


def write_ground_truth(inspection: Inspection, folder: Path) -> None:
    """Write the masks of an inspected folder without errors to `folder`, all as palette PNGs.

    Masks of images with a working copy get its size.
    """
    if inspection.manifest is None or inspection.masks is None:
        raise ValueError("expected a folder without errors")
    samples = [sample for sample in inspection.manifest.samples if sample.mask]
    entries = [(sample, inspection.masks.records[sample.name]) for sample in samples]
    writer = mask_writer(folder, len(entries))
    blocks = [(number, inspection.masks.of(block), block) for number, block in enumerate(in_blocks(entries))]
    parallel_map(partial(_write_block, writer), blocks, description="writing ground-truth masks")
    writer.finish()


def _write_block(writer: MaskWriter, block: tuple[int, GroundTruthSource, Sequence[MaskEntry]]) -> None:
    number, masks, entries = block
    writer.write(number, {s.name: mask_png(read_ground_truth(masks, s, record)) for s, record in entries})


def read_ground_truth(masks: GroundTruthSource, sample: Sample, record: SourceRecord) -> Mask:
    """The mask of a sample with the ids of the data set, uint8 (H, W), at the size of its working copy."""
    mask = source_mask(masks.reader, record, sample.original_size)
    if mask is None:
        raise FileNotFoundError(f"{record.mask}: the mask is gone since it was read")
    return resize_mask(masks.table[mask], (sample.height, sample.width))


def _decode_folder(
    parsed: ParsedSource, path: Path, data: DataParams, seed: int, copies: Path | None
) -> tuple[DecodedFolder, list[Problem]]:
    """Map the classes, decode all files and assign the splits; returns all problems too."""
    mapping, records, class_problems = leave_out_unseen(parsed, data)
    records = with_groups(as_on_disk(path, records), data.group_by)
    reading = reading_params(data)
    reader = Reader(
        path, len(mapping.names), parsed.colours, data.max_megapixels, data.mask_key, reading=reading
    )
    files = decode_all(reader, WorkingCopies(data.max_side, copies), records)
    decoded = list(zip(records, files, strict=True))
    reader, decoded, survey, undecided = read_all_masks(reader, parsed, decoded, mapping, data.masks)
    decoded, file_problems = _readable(decoded, data)
    said = [problem for problem in parsed.problems if not problem.missing]
    file_problems += _bad_images([problem for problem in parsed.problems if problem.missing], data)
    records = [record for record, _ in decoded]
    splits, split_problems = assign_splits(parsed.file, records, data.val_share, seed)
    facts = [files.facts for _, files in decoded]
    training = [files.facts for record, files in decoded if splits.get(record.name) == "train"]
    reading = set_reading(data, facts, training)
    problems = [
        *said,
        *check_contents(path, parsed.records),
        *class_problems,
        *unknown_labels(parsed, mapping),
        *split_problems,
        *unseen_classes(parsed.file, records, mapping.classes, splits),
        *with_likely_names(path, file_problems),
        *group_problems(parsed, records, splits, data.group_by),
        *undecided,
        *mask_problems(parsed, decoded, mapping, data.max_side),
        *background_problems(parsed.file, decoded, data.background),
        *image_warnings(path, [record.name for record in records], facts, reading),
    ]
    return DecodedFolder(mapping, reader, decoded, splits, survey, reading), problems


def _inspection(problems: Sequence[Problem]) -> Inspection:
    return Inspection(None, as_messages(problems, fatal=True), as_messages(problems, fatal=False))


def _readable(
    decoded: Sequence[DecodedRecord], data: DataParams
) -> tuple[list[DecodedRecord], list[Problem]]:
    """All records and problems; with `data.on_bad_image: skip`, readable images, and warnings."""
    problems = [problem for _, files in decoded for problem in files.problems]
    warnings = _bad_images(problems, data)
    if data.on_bad_image == "error":
        return list(decoded), warnings
    # A bad mask costs the mask, not the labels of its image.
    return [(record, replace(files, problems=())) for record, files in decoded if files.sha256], warnings


def _bad_images(problems: Sequence[Problem], data: DataParams) -> list[Problem]:
    """Problems of images that are not there or cannot be read; with `data.on_bad_image: skip`, warnings."""
    if data.on_bad_image == "error":
        return list(problems)
    advice = "It is left out (data.on_bad_image)."
    return [replace(problem, advice=advice, fatal=False) for problem in problems]


def _sample(record: SourceRecord, files: DecodedFiles, classes: Sequence[str], split: Split) -> Sample:
    mask, copied = files.ids is not None, files.facts.stored or files.size != files.original_size
    return Sample(
        name=record.name,
        image=record.image,
        sha256=files.sha256,
        height=files.size[0],
        width=files.size[1],
        labels=tuple(sorted(classes.index(label) for label in record.labels)),
        split=split,
        mask=mask,
        score=mask and record.score,
        original_height=files.original_size[0] if copied else 0,
        original_width=files.original_size[1] if copied else 0,
    )
