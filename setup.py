"""What a wheel holds; all else is in pyproject.toml, which cannot say both of these at once."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["assignments", "common", "common.*", "labs", "labs.*"]), "common.corpora"],
    package_dir={"common.corpora": "data/corpora"},  # the text that ships with the suite lies under data/
)
