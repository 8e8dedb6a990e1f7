# The app under test, as FastAPI's documentation containerises one. `docker build .` needs nothing else.
# Where no registry answers, the lab hands in another PYTHON_IMAGE and the wheels (.wheelhouse).
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS dependencies
ARG PIP_NO_INDEX PIP_FIND_LINKS
COPY requirements/app.txt .wheelhouse* /wheels/
RUN python3 -m venv --without-pip /venv \
    && pip --python /venv/bin/python install --no-cache-dir --require-hashes --requirement /wheels/app.txt

FROM ${PYTHON_IMAGE}
LABEL lab.image=app
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /code
# More from Debian, such as another allocator; a base that has it already needs no network.
ARG DEBIAN_PACKAGES
RUN [ -z "$DEBIAN_PACKAGES" ] || dpkg --status $DEBIAN_PACKAGES > /dev/null 2>&1 \
    || (apt-get update && apt-get install --yes --no-install-recommends $DEBIAN_PACKAGES \
        && rm -rf /var/lib/apt/lists/*)
CMD ["fastapi", "run", "app/main.py"]
COPY --from=dependencies /venv /venv
# What changes most often comes last: a changed app rebuilds only from here.
COPY app ./app
RUN python -m compileall -q app
USER 10001:10001
