# The lab's agent with the packages that a locustfile asks for (load.requirements). What the agent itself has goes first.
ARG AGENT_IMAGE
FROM ${AGENT_IMAGE}
LABEL lab.image=agent
ARG PIP_NO_INDEX PIP_FIND_LINKS
COPY requirements.txt .wheelhouse* /wheels/
RUN python3 -m pip install --no-cache-dir --target /locustfile-packages --requirement /wheels/requirements.txt \
    && rm -rf /wheels
ENV PYTHONPATH=/agent:/packages:/locustfile-packages
