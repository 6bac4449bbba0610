"""Masks in the formats of other tools: palette PNGs, the folders of PASCAL VOC, COCO's JSON."""
