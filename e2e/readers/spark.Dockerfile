# The readers, and Spark with its Java.
ARG READERS
FROM ghcr.io/cryptopipeline/jre:17 AS jre
FROM ${READERS}
USER root
# Hadoop's client refuses to run for a user without a name.
RUN useradd --uid 10001 --home-dir /tmp reader
COPY --from=jre /opt/java /opt/java
COPY packages/ spark/ /opt/readers/packages/
COPY spark.py /opt/readers/
ENV JAVA_HOME=/opt/java PATH=/opt/java/bin:/usr/local/bin:/usr/bin:/bin
USER reader
