# One image for the command line, JupyterLab, marimo and the server of trained networks. docker-compose.yml says how each is started.
FROM python:3.12-slim-bookworm

# Where PyTorch's wheels come from. The CPU wheels are by far the smaller ones; empty means pip's ordinary index,
# whose wheels for Linux bring CUDA along.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

# A user for whom everything below works. Group 0 may write wherever this user may, so that any user id that
# a host needs does as well: docker run --user 1234:0.
RUN useradd --uid 1000 --gid 0 --create-home --shell /bin/bash student

# The dependencies have layers of their own: changing the labs does not install PyTorch again. Torch comes from its
# index, what it needs from pip's ordinary one.
WORKDIR /home/student/sorcery-labs
COPY constraints.txt ./
RUN pip install --no-cache-dir --no-deps --constraint constraints.txt \
        ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch torchvision \
    && pip install --no-cache-dir --constraint constraints.txt torch torchvision
COPY pyproject.toml ./
RUN python -c "import tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
        extras = project['optional-dependencies']; \
        print(*project['dependencies'], *extras['notebooks'], *extras['serve'], sep='\n')" > /tmp/wanted.txt \
    && pip install --no-cache-dir --constraint constraints.txt --requirement /tmp/wanted.txt \
    && rm /tmp/wanted.txt \
    # JupyterLab would ask each student whether it may fetch news.
    && jupyter labextension disable @jupyterlab/apputils-extension:announcements

ENV HOME=/home/student USER=student SHELL=/bin/bash PYTHONUNBUFFERED=1 \
    LABS_DATA=/home/student/data MPLCONFIGDIR=/home/student/.config/matplotlib

# The suite itself, to be read beside the notebooks. It belongs to root: what a student changed here would be gone
# with the container.
COPY LICENSE README.md setup.py ./
COPY assignments assignments
COPY common common
COPY data data
COPY docker docker
COPY labs labs
RUN pip install --no-cache-dir --no-deps --editable . && rm -rf ./*.egg-info build \
    && python -m compileall -q assignments common labs && chmod -R u=rwX,go=rX . \
    # matplotlib's list of fonts takes a while to make: every new container would make it anew.
    && python -c "import matplotlib.font_manager" \
    # A marimo notebook runs when it is opened, as Pluto's do.
    && mkdir /home/student/.config/marimo \
    && printf '[runtime]\nauto_instantiate = true\n' > /home/student/.config/marimo/marimo.toml \
    && cd .. && mkdir data runs notebooks my-work && cp sorcery-labs/data/README.md data \
    && chown student:0 . && chown -R student:0 .[!.]* data runs notebooks my-work \
    && chmod g=u . && chmod -R g=u .[!.]* data runs notebooks my-work

USER student
WORKDIR /home/student
ENTRYPOINT ["python", "/home/student/sorcery-labs/docker/start.py"]
CMD ["python", "-m", "labs"]
