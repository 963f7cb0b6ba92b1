# The mock in a container: `docker build -t relace-mock .`, then
# `docker run --rm --read-only -p 127.0.0.1:8080:8080 relace-mock`.
#
# It listens on all addresses of the container. Without a control token it then has no control API:
# pass `-e RELACE_MOCK_CONTROL_TOKEN=…`. Each option of `serve` is a variable, RELACE_MOCK_….

FROM python:3.13-slim AS build
COPY . /source
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels /source \
 && pip wheel --no-cache-dir --constraint /source/constraints.txt --wheel-dir /wheels /wheels/relace_mock-*.whl

FROM python:3.13-slim
RUN --mount=from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels relace-mock
# Nothing is written at run time, so that the file system can be read-only.
ENV PYTHONDONTWRITEBYTECODE=1 RELACE_MOCK_HOST=0.0.0.0 RELACE_MOCK_PORT=8080
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=5s CMD ["relace-mock", "health"]
# The exec form: the mock is process 1 and gets SIGTERM itself.
ENTRYPOINT ["relace-mock"]
CMD ["serve"]
