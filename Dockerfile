FROM python:3.11-slim-trixie AS build

WORKDIR /src
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_PYTHON_DOWNLOADS=never

COPY requirements-uv.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements-uv.txt

# What a worker needs, and the extras `flower` and `web`, since one image serves all in docker-compose.yml.
# Before the code, so that this layer is built anew only when a pin changes. Wheels only: there is
# no compiler here, and building a source package would run its code.
COPY requirements.txt ./
RUN uv venv /opt/oneprefix \
    && uv pip install --python /opt/oneprefix --no-build --require-hashes -r requirements.txt

# setuptools, which builds the wheel, is pinned in requirements-dev.txt.
COPY requirements-dev.txt pyproject.toml LICENSE README.md ./
COPY cli/ cli/
COPY tasks/ tasks/
COPY web/ web/
COPY worker/ worker/
RUN uv build --wheel --build-constraints requirements-dev.txt --require-hashes --out-dir /dist \
    && uv pip install --python /opt/oneprefix --no-deps --no-index /dist/*.whl


# The same base image, since the virtual environment links to its interpreter.
FROM python:3.11-slim-trixie

# A volume mounted over the home directory takes its owner from here.
RUN useradd --uid 10001 --user-group --create-home --home-dir /var/lib/oneprefix \
    --shell /usr/sbin/nologin oneprefix
COPY --from=build /opt/oneprefix /opt/oneprefix
ENV PATH=/opt/oneprefix/bin:$PATH \
    PYTHONUNBUFFERED=1

WORKDIR /var/lib/oneprefix
# As numbers: an orchestrator of containers can't tell whether a name means root.
USER 10001:10001
CMD ["celery", "-A", "tasks", "worker", "--loglevel=INFO"]
