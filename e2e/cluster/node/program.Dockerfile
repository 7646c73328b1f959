# One control-plane program as an image, under the name that kubeadm asks for.
FROM debian:bookworm-slim
ARG PACKAGES=
RUN [ -z "$PACKAGES" ] || { apt-get update && apt-get install -y --no-install-recommends $PACKAGES && rm -rf /var/lib/apt/lists/*; }
ARG PROGRAM
COPY ${PROGRAM} /usr/local/bin/program
RUN ln -s program /usr/local/bin/${PROGRAM}
ENTRYPOINT ["/usr/local/bin/program"]
